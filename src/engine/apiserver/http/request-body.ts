/** Reads and decodes request bodies, all bounded. */
import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { parseDocument } from "yaml";
import { isObject } from "../../../kube/json-object.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";
import { duplicateKeys } from "./duplicate-keys.ts";

/** Upstream's limit of a request body. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;
/** Deeper nesting than any manifest has; keeps recursive code from overflowing the stack. */
const MAX_DEPTH = 200;

export type HttpRequest = IncomingMessage | Http2ServerRequest;

export interface DecodedBody {
  /** Undefined for an empty body. */
  readonly value: unknown;
  /** Duplicate fields: for `fieldValidation`. */
  readonly warnings: readonly string[];
}

export async function readBody(request: HttpRequest): Promise<Buffer> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > MAX_BODY_BYTES) throw tooLarge();
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > MAX_BODY_BYTES) throw tooLarge();
    pieces.push(piece);
  }
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
}

const tooLarge = (): StatusError =>
  StatusError.of("RequestEntityTooLarge", `Request entity too large: limit is ${MAX_BODY_BYTES}`);

/** The media type without parameters, in lower case. */
export function mediaType(request: HttpRequest): string {
  return (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

/** Decodes JSON or YAML. Throws 400 for what is neither, 415 for other media types. */
export function decodeBody(bytes: Buffer, type: string): DecodedBody {
  if (bytes.length === 0) return { value: undefined, warnings: [] };
  const text = decodeText(bytes);
  if (type === "" || type === "application/json" || type.endsWith("+json")) return decodeJson(text);
  if (type === "application/yaml" || type === "application/apply-patch+yaml")
    return decodeYaml(text);
  throw StatusError.of(
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml (got ${type})`,
  );
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
    const warnings = duplicateKeys(text).map((path) => `duplicate field ${JSON.stringify(path)}`);
    return { value, warnings };
  } catch (error) {
    if (error instanceof SyntaxError) throw bad(`the body is not valid JSON: ${error.message}`);
    throw error;
  }
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

/** `kubectl` sends server-side apply as YAML that is JSON almost always. */
function decodeYaml(text: string): DecodedBody {
  if (/^\s*\{/.test(text)) {
    try {
      return decodeJson(text);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
    }
  }
  const document = parseDocument(text, { uniqueKeys: false, maxAliasCount: 100 } as never);
  const problem = document.errors[0];
  if (problem !== undefined) throw bad(`the body is not valid YAML: ${problem.message}`);
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    const json = JSON.stringify(value);
    checkNesting(json);
    return { value: JSON.parse(json) as unknown, warnings: [] };
  } catch (error) {
    if (error instanceof ReferenceError || error instanceof RangeError)
      throw bad(`the body is not valid YAML: ${error.message}`);
    throw error;
  }
}

/** The body as an object of the API. Throws 400 for anything else. */
export function requireObject(value: unknown): KubeObject {
  if (!isObject(value)) throw bad("the body must be a JSON object");
  return value as unknown as KubeObject;
}

const bad = (message: string): StatusError => StatusError.of("BadRequest", message);
