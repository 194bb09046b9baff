/** What a Git server says in its own words. */
import { SourceError } from "../source-error.ts";

/** How much of a server's message is shown. */
const MAX_MESSAGE_CHARS = 300;

/** One line of a server's text: it must not move the cursor of whoever reads it. */
export function serverText(message: Buffer): string {
  return message
    .toString("utf8")
    .replace(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, MAX_MESSAGE_CHARS);
}

export function reportedByServer(message: Buffer, where: string): SourceError {
  const text = serverText(message);
  const isMissing = /not our ref|unadvertised object|want [0-9a-f]{40} not valid/.test(text);
  return new SourceError(isMissing ? "revision-not-found" : "server-error", {
    what: `the server reports: ${text}`,
    where,
    advice: isMissing
      ? "The commit is on no branch that the server still has: push it again."
      : "Look at the Git server; it is tried again by itself.",
  });
}
