/** Pushes that no stock git makes: objects, packs and requests byte by byte. */
import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";
import { FLUSH, pktLine } from "../../../src/server/git/pkt-line.ts";

export type RawType = "commit" | "tree" | "blob" | "tag";
export interface RawObject {
  readonly type: RawType;
  readonly bytes: Buffer;
  readonly id: string;
}
export const NONE = "0".repeat(40);
const TYPES: Readonly<Record<RawType, number>> = { commit: 1, tree: 2, blob: 3, tag: 4 };
const REF_DELTA = 7;

export function object(type: RawType, content: string | Buffer): RawObject {
  const bytes = Buffer.from(content as string);
  const id = createHash("sha1").update(`${type} ${bytes.length}\0`).update(bytes).digest("hex");
  return { type, bytes, id };
}
export function tree(
  entries: readonly (readonly [mode: string, name: string, id: string])[],
): RawObject {
  const parts = entries.map(([mode, name, id]) =>
    Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, "hex")]),
  );
  return object("tree", Buffer.concat(parts));
}
export function commit(treeId: string, parents: readonly string[] = []): RawObject {
  const who = "t <t@gantry.invalid> 1700000000 +0000";
  const lines = parents.map((parent) => `parent ${parent}\n`).join("");
  return object("commit", `tree ${treeId}\n${lines}author ${who}\ncommitter ${who}\n\ncrafted\n`);
}

/** Type and size as in every pack entry: four bits of size first, then seven per byte. */
function entryHeader(type: number, size: number): Buffer {
  const bytes: number[] = [];
  let byte = (type << 4) | (size & 15);
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.push(byte | 0x80);
    byte = rest & 0x7f;
  }
  return Buffer.from([...bytes, byte]);
}
export function entry({ type, bytes }: RawObject): Buffer {
  return Buffer.concat([entryHeader(TYPES[type], bytes.length), deflateSync(bytes)]);
}
export function deltaEntry(baseId: string, delta: Buffer): Buffer {
  const header = entryHeader(REF_DELTA, delta.length);
  return Buffer.concat([header, Buffer.from(baseId, "hex"), deflateSync(delta)]);
}
export function packOf(entries: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(12);
  header.write("PACK", 0, "latin1");
  header.writeUInt32BE(2, 4);
  header.writeUInt32BE(entries.length, 8);
  const body = Buffer.concat([header, ...entries]);
  return Buffer.concat([body, createHash("sha1").update(body).digest()]);
}

export interface RawCommand {
  readonly ref: string;
  readonly before?: string;
  readonly after: string;
}
export function requestBody(
  commands: readonly RawCommand[],
  pack: Buffer,
  options?: readonly string[],
): Buffer {
  const capabilities = `report-status side-band-64k${options === undefined ? "" : " push-options"}`;
  const lines = commands.map(({ before = NONE, after, ref }, at) =>
    pktLine(`${before} ${after} ${ref}${at === 0 ? `\0${capabilities}` : ""}\n`),
  );
  const extra = options === undefined ? [] : [...options.map((option) => pktLine(option)), FLUSH];
  return Buffer.concat([...lines, FLUSH, ...extra, pack]);
}

export interface RawAnswer {
  readonly status: number;
  /** What git would show behind `remote: `. */
  readonly text: string;
  /** The lines of the report. */
  readonly report: readonly string[];
}

export async function rawPush(
  url: string,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawAnswer> {
  const target = new URL(`${url}/git-receive-pack`);
  const basic = Buffer.from(`${target.username}:${target.password}`).toString("base64");
  target.username = "";
  target.password = "";
  const response = await fetch(target, {
    method: "POST",
    body: new Uint8Array(body),
    headers: {
      authorization: `Basic ${basic}`,
      "content-type": "application/x-git-receive-pack-request",
      ...headers,
    },
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200)
    return { status: response.status, text: bytes.toString(), report: [] };
  const bands = lines(bytes);
  const of = (band: number): Buffer =>
    Buffer.concat(bands.filter((line) => line[0] === band).map((line) => line.subarray(1)));
  const report = lines(of(1)).map((line) => line.toString().trimEnd());
  return { status: 200, text: of(2).toString(), report };
}

function lines(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const size = Number.parseInt(bytes.toString("latin1", at, at + 4), 16);
    if (size > 4) found.push(bytes.subarray(at + 4, at + size));
    at += Math.max(4, size);
  }
  return found;
}
