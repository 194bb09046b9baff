/** JSON, read in the order of the file (objects of JavaScript sort keys that look like numbers). */
import type { JsonObject } from "../../../kube/object.ts";
import {
  clearJson,
  decimal,
  type EncryptedDocument,
  type Leaf,
  splice,
} from "./encrypted-document.ts";
import { malformed } from "./sops-metadata.ts";

/** Kubernetes objects nest some ten levels. */
const MAX_DEPTH = 100;

interface JsonLeaf extends Leaf {
  readonly start: number;
  readonly end: number;
}

/** A member of the object at the top. */
interface Member {
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

/**
 * @returns undefined when it is no JSON object with a member `sops`
 * @throws DecryptError `malformed`
 */
export function readJson(text: string): EncryptedDocument | undefined {
  const whole = parse(text);
  const metadata = whole?.["sops"];
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata))
    return undefined;
  const scan = new JsonScan(text);
  scan.members();
  const removed = withoutMember(scan.top, "sops");
  return {
    metadata: metadata as JsonObject,
    leaves: scan.leaves,
    render: (clear) => {
      const edits = [removed];
      for (const leaf of scan.leaves) {
        const value = clear.get(leaf);
        if (value !== undefined)
          edits.push({ start: leaf.start, end: leaf.end, by: clearJson(value) });
      }
      return Buffer.from(splice(text, edits));
    },
  };
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as JsonObject)
      : undefined;
  } catch {
    return undefined;
  }
}

/** The range of a member and of the comma that goes with it. */
function withoutMember(
  members: readonly Member[],
  key: string,
): { start: number; end: number; by: string } {
  const found = members.filter((member) => member.key === key);
  const [member] = found;
  if (member === undefined || found.length > 1) throw malformed("it has several `sops` blocks");
  const at = members.indexOf(member);
  const previous = members[at - 1];
  if (previous !== undefined) return { start: previous.end, end: member.end, by: "" };
  const next = members[at + 1];
  return { start: member.start, end: next?.start ?? member.end, by: "" };
}

/** Walks over text that is known to be JSON. */
class JsonScan {
  readonly leaves: JsonLeaf[] = [];
  readonly top: Member[] = [];
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  members(): void {
    this.#object([]);
  }

  #object(path: readonly string[]): void {
    const keys = new Set<string>();
    this.#separated("}", () => {
      const start = this.#at;
      const key = JSON.parse(this.#token()) as string;
      if (keys.has(key)) throw malformed("it has the same JSON key twice");
      keys.add(key);
      this.#skipSpace();
      this.#at++; // the colon
      const isMetadata = path.length === 0 && key === "sops";
      const leaves = this.leaves.length;
      this.#value([...path, key]);
      if (isMetadata) this.leaves.length = leaves;
      if (path.length === 0) this.top.push({ key, start, end: this.#at });
    });
  }

  #value(path: readonly string[], depth = path.length): void {
    if (depth > MAX_DEPTH) throw malformed(`it is nested more than ${MAX_DEPTH} levels deep`);
    this.#skipSpace();
    const first = this.#text[this.#at];
    if (first === "{") this.#object(path);
    else if (first === "[") this.#separated("]", () => this.#value(path, depth + 1));
    else this.#leaf(path);
  }

  #leaf(path: readonly string[]): void {
    const start = this.#at;
    const value: unknown = JSON.parse(this.#token());
    if (value === null) return;
    const source = this.#text.slice(start, this.#at);
    const text =
      typeof value === "string"
        ? value
        : typeof value === "boolean"
          ? value
            ? "True"
            : "False"
          : /^-?\d+$/.test(source)
            ? source
            : decimal(Number(source));
    this.leaves.push({ path, text, isText: typeof value === "string", start, end: this.#at });
  }

  /** What is between an opening bracket, which comes next, and its closing one. */
  #separated(close: string, item: () => void): void {
    this.#skipSpace();
    this.#at++;
    for (;;) {
      this.#skipSpace();
      if (this.#text[this.#at] === ",") this.#at++;
      this.#skipSpace();
      if (this.#text[this.#at] === close) break;
      item();
    }
    this.#at++;
  }

  /** A string, number or word. */
  #token(): string {
    TOKEN.lastIndex = this.#at;
    const token = TOKEN.exec(this.#text)?.[0];
    if (token === undefined) throw malformed("it is no valid JSON");
    this.#at += token.length;
    return token;
  }

  #skipSpace(): void {
    SPACE.lastIndex = this.#at;
    this.#at += SPACE.exec(this.#text)?.[0].length ?? 0;
  }
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[^\s,\]}]+/y;
const SPACE = /\s*/y;
