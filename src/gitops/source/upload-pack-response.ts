/**
 * Checks the framing of an answer to `git-upload-pack`: isomorphic-git reads it in the background,
 * where a malformed one would end the process instead of the request.
 */
import { SourceError } from "./source-error.ts";

const LENGTH_DIGITS = 4;
const BAND_ERROR = 3;
/** How much of a server's message is shown. */
const MAX_MESSAGE_CHARS = 300;

/** @throws SourceError `truncated`, `protocol`, or what the server itself reports */
export function checkUploadPackResponse(body: Buffer, where: string): void {
  let offset = 0;
  let ended = false;
  while (offset < body.length) {
    const digits = body.toString("latin1", offset, offset + LENGTH_DIGITS);
    if (!/^[0-9a-f]{4}$/i.test(digits)) throw malformed(body, offset, where);
    const length = Number.parseInt(digits, 16);
    ended = length === 0;
    if (length > 0 && length < LENGTH_DIGITS) throw malformed(body, offset, where);
    const end = offset + Math.max(length, LENGTH_DIGITS);
    if (end > body.length) throw truncated(where);
    const payload = body.subarray(offset + LENGTH_DIGITS, end);
    if (payload[0] === BAND_ERROR) throw reported(payload.subarray(1), where);
    if (payload.length > 4 && payload.toString("latin1", 0, 4) === "ERR ")
      throw reported(payload.subarray(4), where);
    offset = end;
  }
  if (!ended) throw truncated(where);
}

function malformed(body: Buffer, offset: number, where: string): SourceError {
  if (body.length - offset < LENGTH_DIGITS) return truncated(where);
  return new SourceError("protocol", {
    what: "the server's answer is malformed",
    where,
    advice: "Check that no proxy in between changes it, and the Git server's log.",
  });
}

function truncated(where: string): SourceError {
  return new SourceError("truncated", {
    what: "the server's answer ends in the middle of the pack",
    where,
    advice:
      "Nothing of it was used. It is tried again by itself; check the Git server's log if this stays.",
  });
}

function reported(message: Buffer, where: string): SourceError {
  // A server's text must not move the cursor of whoever reads it.
  const text = message
    .toString("utf8")
    .replace(/\p{Cc}+/gu, " ")
    .trim();
  const isMissing = /not our ref|unadvertised object/.test(text);
  return new SourceError(isMissing ? "revision-not-found" : "server-error", {
    what: `the server reports: ${text.slice(0, MAX_MESSAGE_CHARS)}`,
    where,
    advice: isMissing
      ? "The commit is on no branch that the server still has: push it again."
      : "Look at the Git server; it is tried again by itself.",
  });
}
