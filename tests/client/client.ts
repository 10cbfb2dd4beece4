// What a program needs around the generated types: a connection with a token, and refusals that are thrown.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type Schemas = components["schemas"];
export type Connection = ReturnType<typeof connect>;

export function connect(base: string, token: string) {
  return createClient<paths>({ baseUrl: base, headers: { Authorization: `Bearer ${token}`, "Accept-Language": "en" } });
}

export class Refused extends Error {
  constructor(readonly problem: Schemas["Problem"], readonly retryAfter: number | null) {
    super(`${problem.status} ${problem.code}: ${problem.detail}`);
  }
}

export interface Good<T> {
  value: T;
  /** For the `If-Match` of the next action. */
  etag: string;
  response: Response;
}

/** The value of a good reply. `T` is what the contract says of its operation, never `undefined`. */
export async function good<T>(
  reply: Promise<{ data?: T; error?: Schemas["Problem"]; response: Response }>,
): Promise<Good<T>> {
  const { data, error, response } = await reply;
  if (error !== undefined || data === undefined) {
    const after = response.headers.get("Retry-After");
    throw new Refused(error as Schemas["Problem"], after === null ? null : Number(after));
  }
  return { value: data, etag: response.headers.get("ETag") ?? "", response };
}
