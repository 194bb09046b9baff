/**
 * Continue tokens of chunked lists: the revision of the first page and the key after which the next
 * page starts. Opaque to clients; the version guards against tokens of another format.
 */
import { StatusError } from "../../kube/status-error.ts";

export interface ContinueToken {
  /** The revision all pages show; undefined: whatever is current (an inconsistent continuation). */
  readonly revision: number | undefined;
  /** `namespace/name` (`/name` for cluster-scoped) of the last object already sent. */
  readonly after: string;
}

const FORMAT = "meta.k8s.io/v1";
/** The longest key is a namespace of 63 and a name of 253 characters; anything much longer is not ours. */
const MAX_TOKEN_CHARS = 1_024;

export function encodeContinueToken(token: ContinueToken): string {
  const body = { v: FORMAT, rv: token.revision ?? -1, start: token.after };
  return Buffer.from(JSON.stringify(body)).toString("base64url");
}

/** Throws 400 `BadRequest` for anything that `encodeContinueToken` did not make. */
export function decodeContinueToken(text: string): ContinueToken {
  const token = text.length > MAX_TOKEN_CHARS ? undefined : parse(text);
  if (token === undefined) {
    throw StatusError.of(
      "BadRequest",
      "continue key is not valid: it was not issued by this server; start a new list without it",
    );
  }
  return token;
}

function parse(text: string): ContinueToken | undefined {
  let body: unknown;
  try {
    body = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof body !== "object" || body === null) return undefined;
  const { v, rv, start } = body as { v?: unknown; rv?: unknown; start?: unknown };
  if (v !== FORMAT || typeof rv !== "number" || !Number.isSafeInteger(rv)) return undefined;
  if (typeof start !== "string" || !start.includes("/") || rv === 0 || rv < -1) return undefined;
  return { revision: rv === -1 ? undefined : rv, after: start };
}
