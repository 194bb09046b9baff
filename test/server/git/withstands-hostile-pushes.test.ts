import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { configMap, type GitClone } from "./git-clone.ts";
import { GitEndpointFixture } from "./git-endpoint-fixture.ts";
import {
  commit,
  deltaEntry,
  entry,
  object,
  packOf,
  type RawAnswer,
  type RawCommand,
  type RawObject,
  rawPush,
  requestBody,
  tree,
} from "./raw-push.ts";

const MAIN = "refs/heads/main";
const MAX_PACK_BYTES = 2 * 1024 * 1024;
const IDLE_MS = 500;

let fixture: GitEndpointFixture;
let clone: GitClone;
let good: string;
beforeAll(async () => {
  fixture = await GitEndpointFixture.start({
    limits: { maxPackBytes: MAX_PACK_BYTES, idleMs: IDLE_MS, totalMs: 5_000 },
  });
  clone = await fixture.clone();
  good = await clone.commit({ "a.yaml": configMap("a", "1") });
  expect(await clone.push("main")).toMatchObject({ code: 0 });
});
afterEach(async () => {
  // Whatever came: the old ref stands, nothing is left, and nothing was the server's fault.
  expect(await fixture.ref()).toBe(good);
  expect(readdirSync(join(fixture.repository, "quarantine"))).toEqual([]);
  expect(fixture.faults).toEqual([]);
});
afterAll(async () => {
  expect(await fixture.fsck()).toMatchObject({ code: 0 });
  expect(await clone.push("main")).toMatchObject({ code: 0 });
  await fixture.stop();
});

const blob = object("blob", configMap("b", "1"));

/** Pushes a commit of these objects to `main`; the last one is its tree. */
function pushTree(objects: readonly RawObject[], ref = MAIN): Promise<RawAnswer> {
  const made = commit(objects.at(-1)?.id ?? "", [good]);
  const pack = packOf([...objects, made].map(entry));
  const before = ref === MAIN ? good : undefined;
  return push([{ ref, after: made.id, ...(before === undefined ? {} : { before }) }], pack);
}
const push = (
  commands: readonly RawCommand[],
  pack: Buffer,
  options?: readonly string[],
): Promise<RawAnswer> => rawPush(fixture.url(), requestBody(commands, pack, options));

test.each([
  ["an upward name", "100644", ".."],
  ["a git folder", "100644", ".git"],
  ["a git folder, in capitals", "100644", ".GIT"],
  ["a path as a name", "100644", "a/b"],
  ["an odd mode", "100666", "a.yaml"],
  ["an empty name", "100644", ""],
])("a tree with %s is refused", async (_what, mode, name) => {
  const { report } = await pushTree([blob, tree([[mode, name, blob.id]])]);
  expect(report[0]).toMatch(/^unpack (?!ok)/);
  expect(report[1]).toMatch(/^ng refs\/heads\/main /);
});

test("a tree with an entry twice is refused", async () => {
  const twice = tree([
    ["100644", "a.yaml", blob.id],
    ["100644", "a.yaml", blob.id],
  ]);
  expect((await pushTree([blob, twice])).report[0]).toMatch(/^unpack .*object/);
});

test.each([
  ["absolute", "/etc/passwd"],
  ["upward", "../../../etc/passwd"],
])("a symlink that leads out of the tree is refused: %s", async (_what, target) => {
  const link = object("blob", target);
  const { report, text } = await pushTree([link, tree([["120000", "a.yaml", link.id]])]);
  expect(report).toContain(`ng ${MAIN} it would not work for default/shop`);
  expect(text).toMatch(/✗ a\.yaml:1:1: /);
  expect(text).not.toContain("root:");
});

test("a newline in a file name does not write lines of its own", async () => {
  const bad = object("blob", "kind: 1\n");
  const name = "a\nremote: ✓ live.yaml";
  const { report, text } = await pushTree([bad, tree([["100644", name, bad.id]])]);
  expect(report[1]).toMatch(/^ng /);
  expect(text).toContain("| remote: ✓ live.yaml:1");
  expect(text).not.toMatch(/^remote:/m);
});

test("what a manifest says cannot steer the terminal of who pushes", async () => {
  const bad = object("blob", 'apiVersion: v1\nkind: "\\e[2JConfigMap"\nmetadata: {name: x}\n');
  const { text } = await pushTree([bad, tree([["100644", "a.yaml", bad.id]])]);
  expect(text).toContain("a.yaml:2");
  expect(text).not.toMatch(/[^\P{Cc}\n]/u);
});

test("a submodule is refused or left out, never fetched", async () => {
  const { text } = await pushTree([tree([["160000", "module", "1".repeat(40)]])], "refs/heads/sub");
  expect(text).toContain("No Application follows sub");
  const follows = await pushTree([tree([["160000", "module", "1".repeat(40)]])]);
  // Everything would be pruned; the Application does not allow that it becomes empty.
  expect(follows.report[1]).toMatch(/^(ok|ng) /);
  if (follows.report[1]?.startsWith("ok") === true)
    expect(await clone.git("push", "-q", "-f", "gantry", `${good}:main`)).toMatchObject({
      code: 0,
    });
});

test("a dozen objects that claim ten thousand million files are refused in no time", async () => {
  const objects: RawObject[] = [blob];
  let below = tree(Array.from({ length: 10 }, (_, at) => ["100644", `f${at}.yaml`, blob.id]));
  objects.push(below);
  for (let level = 0; level < 9; level++) {
    below = tree(Array.from({ length: 10 }, (_, at) => ["40000", `d${at}`, below.id]));
    objects.push(below);
  }
  const startMs = performance.now();
  const { report } = await pushTree(objects);
  expect(report[1]).toMatch(/^ng /);
  expect(performance.now() - startMs).toBeLessThan(10_000);
});

test.each([
  "refs/heads/-x",
  "refs/heads/a..b",
  "refs/heads/a b",
  "refs/heads/x.lock",
  "HEAD",
  "../../x",
  "refs/heads/a@{0}",
  "refs/x",
])("a ref that is no name for a branch is refused: %s", async (ref) => {
  const { report } = await push([{ ref, after: good }], packOf([]));
  expect(report).toEqual(["unpack ok", expect.stringMatching(/^ng .* is no name for a branch/)]);
});

test("a pack over the limit is refused, and the client gets to know why", async () => {
  const noise = randomBytes(MAX_PACK_BYTES + 1024);
  const big = object("blob", noise);
  const { report } = await pushTree([big, tree([["100644", "big", big.id]])]);
  expect(report[0]).toMatch(/^unpack pack exceeds maximum allowed size/);
});

test("a delta that claims to unpack to gigabytes is refused", async () => {
  const size = 3 * 1024 ** 3;
  const varint = (value: number): number[] => {
    const bytes: number[] = [];
    for (let rest = value; ; rest = Math.floor(rest / 128)) {
      if (rest < 128) return [...bytes, rest];
      bytes.push((rest % 128) | 0x80);
    }
  };
  const copy = [0x80 | 0x10 | 0x20 | 0x40, 0xff, 0xff, 0x00];
  const delta = Buffer.from([...varint(blob.bytes.length), ...varint(size), ...copy]);
  const { report } = await push(
    [{ ref: MAIN, before: good, after: good }],
    packOf([entry(blob), deltaEntry(blob.id, delta)]),
  );
  expect(report[0]).toMatch(/^unpack (?!ok)/);
});

test.each([
  ["cut short", (pack: Buffer) => pack.subarray(0, pack.length - 30)],
  [
    "with a wrong checksum",
    (pack: Buffer) => Buffer.concat([pack.subarray(0, -1), Buffer.from("x")]),
  ],
  ["that is none", () => Buffer.from("what is this")],
])("a pack %s is refused", async (_what, damage) => {
  const made = commit(tree([]).id, [good]);
  const pack = packOf([entry(tree([])), entry(made)]);
  const { report } = await push([{ ref: MAIN, before: good, after: made.id }], damage(pack));
  expect(report[0]).toMatch(/^unpack (?!ok)/);
  expect(report[1]).toMatch(/^ng /);
});

test("a thin pack whose base is missing is refused", async () => {
  const delta = Buffer.from([1, 1, 1, 0x61]);
  const pack = packOf([deltaEntry("1".repeat(40), delta)]);
  const { report } = await push([{ ref: MAIN, before: good, after: "2".repeat(40) }], pack);
  expect(report[0]).toMatch(/^unpack .*unresolved/);
});

test("a commit whose tree was not sent is refused", async () => {
  const made = commit("3".repeat(40), [good]);
  const { report } = await push(
    [{ ref: MAIN, before: good, after: made.id }],
    packOf([entry(made)]),
  );
  expect(report[0]).toMatch(/^unpack (?!ok)/);
});

test("a ref to something that is not there is refused", async () => {
  const { report } = await push([{ ref: "refs/heads/x", after: "4".repeat(40) }], packOf([]));
  expect(report[0]).toMatch(/^unpack (?!ok)/);
  expect(await fixture.ref("refs/heads/x")).toBe("");
});

test("a branch that is no commit is refused", async () => {
  const { report } = await push(
    [{ ref: MAIN, before: good, after: blob.id }],
    packOf([entry(blob)]),
  );
  expect(report[1]).toMatch(/^ng /);
});

test("a hundred thousand branches in one push are refused with an answer", async () => {
  const commands = Array.from({ length: 100_000 }, (_, at) => ({
    ref: `refs/heads/b${at}`,
    after: good,
  }));
  const { report } = await push(commands, packOf([]));
  expect(report[0]).toMatch(/^unpack more than 1000 branches/);
  expect(await fixture.ref("refs/heads/b0")).toBe("");
});

test("huge and unknown push options are refused", async () => {
  const huge = await push([{ ref: MAIN, before: good, after: good }], packOf([]), [
    "x".repeat(60_000),
  ]);
  expect(huge.report[0]).toMatch(/^unpack too many push options/);
  const unknown = await push([{ ref: "refs/heads/y", after: good }], packOf([]), ["force"]);
  expect(unknown.report[1]).toMatch(/^ng refs\/heads\/y unknown push option "force"/);
});

test("a compressed request that inflates without end is cut off", async () => {
  const line = requestBody([{ ref: MAIN, before: good, after: good }], Buffer.alloc(0)).subarray(
    0,
    -4,
  );
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, line));
  expect(bomb.length).toBeLessThan(500_000);
  const answer = await rawPush(fixture.url(), bomb, { "content-encoding": "gzip" });
  expect(answer).toMatchObject({ status: 400, text: "the request names too much\n" });
});

test("what comes after the pack is not listened to", async () => {
  const made = commit(tree([]).id);
  const body = requestBody(
    [{ ref: "refs/heads/z", after: made.id }],
    Buffer.concat([packOf([tree([]), made].map(entry)), Buffer.alloc(64 * 1024 * 1024)]),
  );
  const answer = await rawPush(fixture.url(), gzipSync(body), { "content-encoding": "gzip" });
  expect(answer.report).toEqual(["unpack ok", "ok refs/heads/z"]);
});

test("what is no request is answered 400", async () => {
  for (const body of ["zzzz", "0009x", "fff0", "0001"])
    expect((await rawPush(fixture.url(), Buffer.from(body))).status).toBe(400);
  expect(
    (await rawPush(fixture.url(), Buffer.from("x"), { "content-encoding": "br" })).status,
  ).toBe(415);
});

test("a push that stops sending is ended, and others are served meanwhile", async () => {
  const { port } = new URL(fixture.origin);
  const authorization = Buffer.from(`git:${fixture.token}`).toString("base64");
  const socket = connect(Number(port), "127.0.0.1");
  const body = requestBody([{ ref: MAIN, before: good, after: good }], Buffer.from("PACK"));
  socket.write(
    `POST /git/shop.git/git-receive-pack HTTP/1.1\r\nhost: x\r\nauthorization: Basic ${authorization}\r\ncontent-length: 1000000\r\n\r\n`,
  );
  socket.write(body);
  let received = "";
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString();
  });
  expect((await clone.push("main")).code).toBe(0);
  await expect.poll(() => received, { timeout: 10 * IDLE_MS }).toContain("comes too slowly");
  socket.destroy();
});
