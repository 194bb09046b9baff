/** An answer that came in time counts, however late this process gets to read it. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, expect, test } from "vitest";
import { httpGet } from "../../../../src/engine/node/probes/http-get.ts";
import { tcpConnect } from "../../../../src/engine/node/probes/tcp-connect.ts";

const SERVER = `
const { parentPort } = require("node:worker_threads");
const server = require("node:http").createServer((q, s) => {
  if (q.url === "/never") return;
  s.end("ok");
});
server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;
let worker: Worker;
let port = 0;
beforeAll(async () => {
  // A thread of its own: it answers while this one is busy.
  worker = new Worker(SERVER, { eval: true });
  [port] = (await once(worker, "message")) as [number];
});
afterAll(() => worker.terminate());

const TIMEOUT_MS = 60;
function beBusy(forMs: number): void {
  const endMs = performance.now() + forMs;
  while (performance.now() < endMs);
}
const get = (path: string) =>
  httpGet(new URL(`http://127.0.0.1:${port}${path}`), { headers: [], timeoutMs: TIMEOUT_MS });

test("of an HTTP probe", async () => {
  await get("/");
  const probe = get("/");
  // The connection is made and the request sent; then this process is held up.
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
  beBusy(TIMEOUT_MS * 3);
  expect(await probe).toMatchObject({ success: true });
});

test("of a TCP probe", async () => {
  const probe = tcpConnect({ host: "127.0.0.1", port }, TIMEOUT_MS);
  beBusy(TIMEOUT_MS * 3);
  expect(await probe).toMatchObject({ success: true });
});

test("but no answer is no answer", async () => {
  expect(await get("/never")).toMatchObject({ success: false });
});
