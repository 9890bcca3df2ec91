// The official SDK: `publish URL SOURCE` sends its events in every mode, `check SOURCE` compares what stdin has of them.
//
// In binary mode the SDK gives attributes as they are, without the percent-encoding of the HTTP binding (3.1.3.2),
// and `fetch` refuses what is not Latin-1. Mode "binary" is as the SDK has it, in "encoded" the caller encodes.
import assert from "node:assert/strict";
import { CloudEvent, HTTP } from "cloudevents";

const [command, ...rest] = process.argv.slice(2);
const modes = ["binary", "encoded", "structured", "batch"];
const data = {
  object: { total: 12.5, note: 'ü "50 %" 🦀', nothing: null },
  list: [1, null, "a b"],
  text: 'olá %41 "mundo"',
  number: 42,
  null: null,
  bytes: new Uint8Array([0, 255, 1]),
};
const mediaTypes = { text: "text/plain", bytes: "application/octet-stream" };

function event(source, mode, kind) {
  const isAscii = mode === "binary";
  return new CloudEvent({
    id: `${mode}-${kind} 50% "${isAscii ? "e" : "é"}"`,
    source,
    type: "order placed",
    subject: isAscii ? '"50 %" of "all", %41' : 'olá "50 %" %41 🦀',
    time: "2026-11-23T15:24:00.123Z",
    datacontenttype: mediaTypes[kind] ?? "application/json",
    tenant: isAscii ? "e/1 %" : "é/1 %",
    count: 7,
    flag: true,
    data: data[kind],
  });
}

function events(source, mode) {
  return Object.keys(data).map((kind) => event(source, mode, kind));
}

function encoded({ headers, body }) {
  const encode = ([name, value]) => [name, name.startsWith("ce-") ? encodeURIComponent(value) : value];
  return { headers: Object.fromEntries(Object.entries(headers).map(encode)), body };
}

async function send(url, { headers, body }) {
  const answer = await fetch(`${url}/events`, { method: "POST", headers, body });
  assert.equal(answer.status, 202, `${JSON.stringify(headers)} ${await answer.text()}`);
}

async function publish(url, source) {
  for (const each of events(source, "binary")) await send(url, HTTP.binary(each));
  for (const each of events(source, "encoded")) await send(url, encoded(HTTP.binary(each)));
  for (const each of events(source, "structured")) await send(url, HTTP.structured(each));
  const headers = { "content-type": "application/cloudevents-batch+json" };
  await send(url, { headers, body: JSON.stringify(events(source, "batch")) });
}

/** What binary mode makes of it: attributes that are strings, and no `%41` without its encoding. */
function expected(each, mode) {
  const plain = JSON.parse(JSON.stringify(each));
  if (mode === "binary") plain.subject = plain.subject.replace("%41", "A");
  const isBinary = ["binary", "encoded"].includes(mode);
  return isBinary ? { ...plain, count: String(plain.count), flag: String(plain.flag) } : plain;
}

function read(stored) {
  return HTTP.toEvent({ headers: { "content-type": "application/cloudevents+json" }, body: JSON.stringify(stored) });
}

async function check(source) {
  let text = "";
  for await (const piece of process.stdin.setEncoding("utf8")) text += piece;
  const found = new Map(JSON.parse(text).map((stored) => [stored.id, read(stored)]));
  for (const mode of modes) {
    for (const each of events(source, mode)) {
      assert.ok(found.has(each.id), `${each.id} is missing`);
      const back = JSON.parse(JSON.stringify(found.get(each.id)));
      // The SDK reads the data null as no data.
      assert.deepEqual({ data: null, ...back }, { data: null, ...expected(each, mode) });
    }
  }
  assert.equal(found.size, modes.length * Object.keys(data).length);
}

await { publish, check }[command](...rest);
