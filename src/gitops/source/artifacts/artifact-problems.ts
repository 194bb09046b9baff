/** What registries and Helm repositories answer instead of what was asked for. */
import { SourceError } from "../source-error.ts";

export function serverProblem(status: number, where: string): SourceError {
  return new SourceError("server-error", {
    what: `the server answered ${status}`,
    where,
    advice: "It is tried again by itself; look at the server if this stays.",
  });
}

/** An answer that is no success. `what` was asked for: `the tag 1.2.0`. */
export function answerProblem(status: number, what: string, where: string): SourceError {
  if (status === 401)
    return new SourceError("unauthorized", {
      what: "the server does not accept the credentials (401)",
      where,
      advice:
        "Check the user name and the token in the repository's Secret; without a Secret, the repository may be private.",
    });
  if (status === 403)
    return new SourceError("forbidden", {
      what: `the credentials may not read ${what} (403)`,
      where,
      advice: "Give the user or token read access to it.",
    });
  if (status === 404 || status === 410)
    return new SourceError("revision-not-found", {
      what: `the server does not have ${what} (${status})`,
      where,
      advice:
        "Check repoURL, chart and targetRevision; servers also answer so when something private is asked for without credentials.",
    });
  return new SourceError("protocol", {
    what: `the server answered ${status} for ${what}`,
    where,
    advice: "Check that repoURL is that of a registry or a Helm repository.",
  });
}

export function protocolProblem(what: string, where: string): SourceError {
  return new SourceError("protocol", {
    what,
    where,
    advice: "Check that repoURL is that of a registry or a Helm repository, and its log.",
  });
}
