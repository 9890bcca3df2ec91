/*
 * The table's server: dynalite, on one address, closed to web pages.
 *
 *     node stack/dynamodb_server.js --port 4567 [--host 127.0.0.1] [--path FOLDER] [--name NAME]...
 *
 * Without --path the tables are in memory. A request must name this machine (localhost, 127.0.0.1,
 * [::1] or a --name) in its Host header, and must not come from a browser: dynalite checks no
 * signature, and would answer any page with `Access-Control-Allow-Origin: *`.
 */
"use strict";

const path = require("node:path");
const { parseArgs } = require("node:util");
const installed = (name) => require(path.join(__dirname, "..", ".dynamodb", "node_modules", name));

// dynalite 4.0.0 ends a Query or Scan with the iterator's `return`, which abstract-level's iterators do not have. An
// iterator that is not closed keeps what the database held at its moment, in memory and as files, until the process ends.
const { AbstractKeyIterator, AbstractValueIterator } = installed("abstract-level");
for (const { prototype } of [AbstractKeyIterator, AbstractValueIterator]) {
  if (prototype.return || !prototype.close) throw new Error("other iterators than this server knows: see its source");
  prototype.return = prototype.close;
}
const dynalite = installed("dynalite");

// Clients keep connections for reuse: the server must not be the first to close an idle one.
const KEEP_ALIVE_MS = 75_000;
const STOP_POLL_MS = 20;
// What is still open by then is cut: a connection that has sent no request yet never becomes idle.
const GRACE_MS = 2_000;

const { values: options } = parseArgs({
  options: {
    port: { type: "string" },
    host: { type: "string", default: "127.0.0.1" },
    path: { type: "string" },
    name: { type: "string", multiple: true, default: [] },
  },
});
const names = new Set(["localhost", "127.0.0.1", "[::1]", ...options.name]);

/** Why a request is refused, or null. */
function refusal({ headers, url }) {
  // The host of an absolute target takes the place of the header's (RFC 9112, section 3.2.2).
  const absolute = url.match(/^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i);
  const host = (absolute ? absolute[1] : headers.host || "").toLowerCase().replace(/:\d+$/, "");
  if (!names.has(host)) return [421, "the Host header names another machine: use 127.0.0.1"];
  const site = headers["sec-fetch-site"];
  if (headers.origin !== undefined || (site !== undefined && site !== "none"))
    return [403, "this server answers programs, not web pages"];
  return null;
}

function refuse(request, response, [status, detail]) {
  request.resume();
  response.writeHead(status, { "content-type": "application/problem+json", connection: "close" });
  response.end(JSON.stringify({ type: "about:blank", status, detail }));
}

const server = dynalite({ path: options.path, createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
server.keepAliveTimeout = KEEP_ALIVE_MS;
const [answer] = server.listeners("request");
server.removeListener("request", answer);
server.on("request", (request, response) => {
  const refused = refusal(request);
  if (refused) return refuse(request, response, refused);
  answer(request, response);
  // dynalite throws what a connection that breaks off raises, which would end the process.
  request.removeAllListeners("error");
  request.on("error", () => response.destroy());
});

/** Answer what is under way, close the database, end. */
function stop() {
  setInterval(() => server.closeIdleConnections(), STOP_POLL_MS);
  setTimeout(() => server.closeAllConnections(), GRACE_MS);
  server.close((error) => {
    if (error) console.error(`ERROR the database was not closed: ${error.message}`);
    process.exit(error ? 1 : 0);
  });
}
process.once("SIGTERM", stop);
process.once("SIGINT", stop);

server.on("error", (error) => {
  console.error(`ERROR ${error.message}`);
  process.exit(1);
});
server.listen(Number(options.port), options.host, () => {
  const where = options.path ? `in ${options.path}` : "in memory";
  console.log(`INFO dynalite listens on ${options.host}:${options.port}, its tables ${where}`);
});
