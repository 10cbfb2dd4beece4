// What an app would do: listens with EventSource and prints what it hears, a line of JSON each. Ends when stdin does.
// Usage: node listen.mjs URL TOKEN
import { EventSource } from "eventsource";

const [url, token] = process.argv.slice(2);
const source = new EventSource(url, {
  fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } }),
});
const say = (kind, more) => console.log(JSON.stringify({ kind, ...more }));

source.onopen = () => say("open");
source.onerror = (event) => say("error", { code: event.code, closed: source.readyState === EventSource.CLOSED });
source.onmessage = (event) => say("event", { id: event.lastEventId, data: JSON.parse(event.data) });
for (const name of ["ready", "reset"]) source.addEventListener(name, (event) => say(name, { data: JSON.parse(event.data) }));
process.stdin.resume();
process.stdin.on("end", () => source.close());
