// The closed loop, from a resident's report to the rating, with the types that are made from openapi.yaml.
import assert from "node:assert/strict";
import { connect, good, Refused, type Connection, type Schemas } from "./client.js";

function setting(name: string): string {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
}

const base = setting("BASE");
const as = (role: string): Connection => connect(base, setting(`TOKEN_${role}`));
const citizen = as("CITIZEN");
const gridWorker = as("GRID_WORKER");
const dispatcher = as("DISPATCHER");
const community = as("COMMUNITY");
const housing = as("DEPARTMENT_HOUSING");
const urban = as("DEPARTMENT");

const key = (): string => `client-${process.pid}-${process.hrtime.bigint()}`;
const point: Schemas["PointInput"] = { lon: 125.7341, lat: 41.6736, accuracy: 12 };

async function ofCase(client: Connection, case_id: string) {
  return good(client.GET("/v1/cases/{case_id}", { params: { path: { case_id } } }));
}

/** What an action on a case wants: which one, and in which version it was read. */
async function onCase(client: Connection, case_id: string) {
  const { etag } = await ofCase(client, case_id);
  return { path: { case_id }, header: { "If-Match": etag, "Idempotency-Key": key() } };
}

async function onTicket(client: Connection, ticket_id: string) {
  const { etag } = await good(client.GET("/v1/tickets/{ticket_id}", { params: { path: { ticket_id } } }));
  return { path: { ticket_id }, header: { "If-Match": etag, "Idempotency-Key": key() } };
}

async function report(): Promise<string> {
  const body: Schemas["CaseCreate"] = {
    description: "新风路12号门前路面塌了一个坑。",
    kind: "problem",
    category: "pothole",
    location: { lon: point.lon, lat: point.lat },
    reporter: { name: "吕秀英", phone: "13900000701", contactable: true },
  };
  const params = { header: { "Idempotency-Key": key() } };
  const first = await good(citizen.POST("/v1/cases", { params, body }));
  const again = await good(citizen.POST("/v1/cases", { params, body }));
  assert.equal(again.value.id, first.value.id);
  assert.equal(again.response.headers.get("Idempotent-Replayed"), "true");
  assert.equal(first.response.headers.get("Location"), `/v1/cases/${first.value.id}`);
  const area: Schemas["CodeName"] | null = first.value.area;
  assert.equal(area?.code, "XF-01");
  return first.value.id;
}

async function atTheSource(case_id: string): Promise<void> {
  const mine = await good(gridWorker.GET("/v1/cases", { params: { query: { status: ["received", "accepted"], limit: 200 } } }));
  assert.ok(mine.value.items.some((item) => item.id === case_id && item.allowed_actions.includes("accept")));
  await good(gridWorker.POST("/v1/cases/{case_id}/accept", { params: await onCase(gridWorker, case_id), body: {} }));
  const here = await good(gridWorker.POST("/v1/cases/{case_id}/arrive", { params: { path: { case_id } }, body: { point } }));
  assert.ok(here.value.arrived_at);
  const level: Schemas["CaseRegister"] = { level: "complex" };
  await good(dispatcher.POST("/v1/cases/{case_id}/register", { params: await onCase(dispatcher, case_id), body: level }));
}

async function whistle(case_id: string): Promise<void> {
  const body: Schemas["CaseWhistle"] = {
    kind: "everyday",
    tickets: [
      { organisation: "housing", role: "lead", task: "回填塌陷路面" },
      { organisation: "urban-management", role: "assist", task: "设置围挡" },
    ],
  };
  const { value } = await good(dispatcher.POST("/v1/cases/{case_id}/whistle", { params: await onCase(dispatcher, case_id), body }));
  assert.equal(value.state, "whistled");
  assert.equal(value.tickets?.length, 2);
}

async function picture(client: Connection): Promise<string> {
  const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
  const { value } = await good(
    client.POST("/v1/attachments", {
      body: Buffer.from(png, "base64"),
      bodySerializer: (body) => body,
      headers: { "Content-Type": "image/png" },
    }),
  );
  return value.id;
}

/** A department takes up what waits for it. */
async function department(client: Connection, case_id: string): Promise<string> {
  const waiting = await good(
    client.GET("/v1/tickets", { params: { query: { status: ["issued"], case: [case_id] }, header: { Prefer: "wait=5" } } }),
  );
  const ticket: Schemas["TicketItem"] | undefined = waiting.value.items[0];
  assert.ok(ticket);
  const ticket_id = ticket.id;
  await good(client.POST("/v1/tickets/{ticket_id}/sign", { params: await onTicket(client, ticket_id), body: {} }));
  if (ticket.role === "lead") {
    await good(client.POST("/v1/tickets/{ticket_id}/contact", { params: { path: { ticket_id } }, body: { note: "已电话说明" } }));
  }
  await good(client.POST("/v1/tickets/{ticket_id}/report-in", { params: await onTicket(client, ticket_id), body: { point } }));
  await good(client.POST("/v1/tickets/{ticket_id}/start", { params: await onTicket(client, ticket_id), body: {} }));
  const body: Schemas["TicketSubmit"] = { result: "已完成", attachments: [await picture(client)] };
  const submit = ticket.role === "lead" ? { ...body, reply: "路面已修复", cause_code: "ageing" as const } : body;
  const done = await good(client.POST("/v1/tickets/{ticket_id}/submit", { params: await onTicket(client, ticket_id), body: submit }));
  assert.equal(done.value.state, "submitted");
  return ticket_id;
}

async function toTheEnd(case_id: string, lead: string, assist: string): Promise<void> {
  const path = "/v1/tickets/{ticket_id}/approve";
  await good(dispatcher.POST(path, { params: await onTicket(dispatcher, assist), body: { rating: 4 } }));
  await good(dispatcher.POST(path, { params: await onTicket(dispatcher, lead), body: { rating: 5, feedback: {} } }));
  await good(community.POST("/v1/cases/{case_id}/check", { params: await onCase(community, case_id), body: { pass: true, point } }));
  const rating: Schemas["CaseRate"] = { contacted: true, solved: "yes", satisfied: 5 };
  const { value } = await good(citizen.POST("/v1/cases/{case_id}/rate", { params: await onCase(citizen, case_id), body: rating }));
  assert.equal(value.state, "closed");
  assert.equal(value.ratings[0]?.satisfied, 5);
}

async function refusals(case_id: string): Promise<void> {
  const refused = async (reply: Promise<unknown>): Promise<Refused> => {
    const fault: unknown = await reply.then(() => null, (reason: unknown) => reason);
    assert.ok(fault instanceof Refused, `${String(fault)} is no refusal`);
    return fault;
  };
  const params = await onCase(gridWorker, case_id);
  const late = await refused(good(gridWorker.POST("/v1/cases/{case_id}/accept", { params, body: {} })));
  assert.deepEqual([late.problem.status, late.problem.code, late.problem.state], [409, "invalid_transition", "closed"]);
  const stale = { ...params, header: { "If-Match": '"1.00000000"' } };
  const old = await refused(good(gridWorker.POST("/v1/cases/{case_id}/accept", { params: stale, body: {} })));
  assert.equal(old.problem.code, "precondition_failed");
  assert.ok((old.problem.version ?? 0) > 1);
  const empty = { description: "", kind: "problem", category: "pothole" } as const;
  const wrong = await refused(good(citizen.POST("/v1/cases", { body: empty })));
  assert.deepEqual(wrong.problem.errors?.map((error) => [error.pointer, error.code]), [["/description", "too_short"]]);
}

/** Every event, over all pages. */
async function history(case_id: string): Promise<string[]> {
  const actions: string[] = [];
  let cursor: string | null = null;
  do {
    const query: { limit: number; cursor?: string } = cursor === null ? { limit: 5 } : { limit: 5, cursor };
    const page: { value: Schemas["EventList"] } = await good(
      citizen.GET("/v1/cases/{case_id}/events", { params: { path: { case_id }, query } }),
    );
    actions.push(...page.value.items.map((event) => event.action));
    cursor = page.value.next_cursor;
  } while (cursor !== null);
  return actions;
}

async function exported(case_id: string): Promise<Schemas["CaseRow"]> {
  const query = { format: "ndjson" as const, status: ["closed" as const] };
  const { value } = await good(dispatcher.GET("/v1/cases/export", { params: { query }, parseAs: "text" }));
  const rows = value.trimEnd().split("\n").map((line) => JSON.parse(line) as Schemas["CaseRow"]);
  const row = rows.find((each) => each.id === case_id);
  assert.ok(row);
  return row;
}

const case_id = await report();
await atTheSource(case_id);
await whistle(case_id);
const [lead, assist] = await Promise.all([department(housing, case_id), department(urban, case_id)]);
await toTheEnd(case_id, lead, assist);
await refusals(case_id);
const actions = await history(case_id);
assert.equal(actions.at(-1), "rate");
const row = await exported(case_id);
assert.equal(row.rating?.solved, "yes");
console.log(`${row.number} ${row.state} ${actions.length} events`);
