/** Reads and decodes request bodies, all bounded. */
import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { parseDocument } from "yaml";
import { isObject } from "../../../kube/json-object.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";
import { readBoundedBody } from "./bounded-body.ts";
import { duplicateKeys } from "./duplicate-keys.ts";
import { duplicateYamlKeys } from "./duplicate-yaml-keys.ts";

/** Upstream's limit of a request body. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;
/** Long enough for the largest body over a slow line. */
const BODY_TIMEOUT_MS = 30_000;
/**
 * YAML takes some 5 µs a byte to parse, during which nothing else is served. kubectl sends JSON,
 * whatever the file is written in.
 */
const MAX_YAML_CHARACTERS = 256 * 1024;
/** Deeper nesting than any manifest has; keeps recursive code from overflowing the stack. */
const MAX_DEPTH = 200;

/** What typed Go clients send, kubectl among them. */
const PROTOBUF = "application/vnd.kubernetes.protobuf";

export type HttpRequest = IncomingMessage | Http2ServerRequest;

export interface DecodedBody {
  /** Undefined for an empty body. */
  readonly value: unknown;
  /** Duplicate fields: for `fieldValidation`. */
  readonly warnings: readonly string[];
}

/** Throws 413 and 408, and 400 when the client went away. */
export async function readBody(request: HttpRequest): Promise<Buffer> {
  const body = await readBoundedBody(request, {
    maxBytes: MAX_BODY_BYTES,
    timeoutMs: BODY_TIMEOUT_MS,
  });
  if (Buffer.isBuffer(body)) return body;
  if (body === "too large") throw tooLarge(MAX_BODY_BYTES);
  throw body === "too slow"
    ? StatusError.of("Timeout", "the body of the request took too long")
    : bad("the client closed the connection before its request was complete");
}

const tooLarge = (limit: number, advice = ""): StatusError =>
  StatusError.of("RequestEntityTooLarge", `Request entity too large: limit is ${limit}${advice}`);

/** The media type without parameters, in lower case. */
export function mediaType(request: HttpRequest): string {
  return (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

/** Decodes JSON, YAML or protobuf. Throws 400 for what is none of them, 415 for other media types. */
export async function decodeBody(bytes: Buffer, type: string): Promise<DecodedBody> {
  if (bytes.length === 0) return { value: undefined, warnings: [] };
  if (type === PROTOBUF) return decodeProtobuf(bytes);
  const text = decodeText(bytes);
  if (type === "" || type === "application/json" || type.endsWith("+json")) return decodeJson(text);
  if (type === "application/yaml" || type === "application/apply-patch+yaml")
    return decodeYaml(text);
  throw StatusError.of(
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, ${PROTOBUF} (got ${type})`,
  );
}

async function decodeProtobuf(bytes: Buffer): Promise<DecodedBody> {
  // Most servers never see one.
  const { decodeObject } = await import("../../../kube/protobuf/decode-object.ts");
  const { ProtobufError } = await import("../../../kube/protobuf/wire.ts");
  try {
    const value = decodeObject(bytes, {
      maxDepth: MAX_DEPTH,
      parseJson: (text) => decodeJson(text).value,
    });
    return { value, warnings: [] };
  } catch (error) {
    if (error instanceof ProtobufError)
      throw bad(`the body is not valid protobuf: ${error.message}`);
    throw error;
  }
}

function decodeText(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw bad("the body is not valid UTF-8");
    throw error;
  }
}

function decodeJson(text: string): DecodedBody {
  checkNesting(text);
  try {
    const value: unknown = JSON.parse(text);
    return { value, warnings: duplicates(duplicateKeys(text)) };
  } catch (error) {
    // Not the parser's own words: they quote the text, which may be that of a Secret.
    if (error instanceof SyntaxError) throw bad(`the body is not valid JSON${place(error, text)}`);
    throw error;
  }
}

const duplicates = (paths: readonly string[]): string[] =>
  paths.map((path) => `duplicate field ${JSON.stringify(path)}`);

/** ` (line 3, column 7)`, where the parser says at which character it stopped. */
function place(error: SyntaxError, text: string): string {
  const position = /at position (\d+)/.exec(error.message)?.[1];
  if (position === undefined) return "";
  const before = text.slice(0, Number(position));
  const line = before.split("\n").length;
  return ` (line ${line}, column ${before.length - before.lastIndexOf("\n")})`;
}

/** Before parsing: brackets outside strings, counted. */
function checkNesting(text: string): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 92) at++;
      else if (code === 34) inString = false;
    } else if (code === 34) inString = true;
    else if (code === 123 || code === 91) {
      if (++depth > MAX_DEPTH) throw bad(`the body is nested deeper than ${MAX_DEPTH} levels`);
    } else if (code === 125 || code === 93) depth--;
  }
}

/** Columns and brackets: each level of YAML takes one of them, and no manifest comes near. */
const MAX_YAML_LEVELS = 1_000;

/**
 * Before parsing, which recurses: deep in it V8 may find no room to compile a regular expression, and
 * ends the process for it.
 */
function checkYamlNesting(text: string): void {
  let open = 0;
  let deepest = 0;
  for (const bracket of text.match(/[[\]{}]/g) ?? []) {
    open = bracket === "[" || bracket === "{" ? open + 1 : Math.max(0, open - 1);
    deepest = Math.max(deepest, open);
  }
  for (const line of text.split("\n")) {
    const columns = /^(?: |[-?:] )*/.exec(line)?.[0].length ?? 0;
    if (columns + deepest > MAX_YAML_LEVELS)
      throw bad(`the body is nested deeper than ${MAX_DEPTH} levels`);
  }
}

/** `kubectl` sends server-side apply as YAML that is JSON almost always. */
function decodeYaml(text: string): DecodedBody {
  if (/^\s*\{/.test(text)) {
    try {
      return decodeJson(text);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
    }
  }
  if (text.length > MAX_YAML_CHARACTERS)
    throw tooLarge(MAX_YAML_CHARACTERS, " for YAML; send JSON");
  checkYamlNesting(text);
  const document = parseDocument(text, { uniqueKeys: false });
  const problem = document.errors[0];
  if (problem !== undefined)
    throw bad(
      `the body is not valid YAML: ${problem.code} (line ${problem.linePos?.[0].line ?? 1}, column ${problem.linePos?.[0].col ?? 1})`,
    );
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    const json = JSON.stringify(value);
    checkNesting(json);
    return {
      value: JSON.parse(json) as unknown,
      warnings: duplicates(duplicateYamlKeys(document)),
    };
  } catch (error) {
    if (error instanceof ReferenceError || error instanceof RangeError)
      throw bad(
        "the body is not valid YAML: an alias has no anchor, or aliases stand for too much",
      );
    throw error;
  }
}

/** The body as an object of the API. Throws 400 for anything else. */
export function requireObject(value: unknown): KubeObject {
  if (!isObject(value)) throw bad("the body must be a JSON object");
  return value as unknown as KubeObject;
}

const bad = (message: string): StatusError => StatusError.of("BadRequest", message);
