/** What a `repoURL` says: which repository, where, and how it may be shown. */
import { resolve } from "node:path";
import { SourceError } from "./source-error.ts";

export type RepositoryLocation =
  | {
      readonly kind: "remote";
      /** Without credentials, query, fragment and trailing slash: the cache key and what is shown. */
      readonly url: string;
      /** Credentials that the URL itself carried. */
      readonly userinfo?: { readonly username: string; readonly password: string };
    }
  | { readonly kind: "local"; readonly path: string };

/** Longer than any URL a Git server accepts; keeps hostile input out of logs and regexes. */
const MAX_URL_LENGTH = 4096;

/** Schemes that people do write, with what to tell them. */
const OTHER_SCHEMES: Readonly<Record<string, string>> = {
  ssh: "Use the repository's https:// URL with an access token.",
  git: "The git:// protocol has neither encryption nor authentication: use https://.",
  file: "Write the plain path instead: /srv/repos/app.git.",
  ext: "Remote helpers run commands and are never allowed: use https://.",
};

/**
 * Reads a `repoURL`: http(s) URLs are remote, everything that looks like a path is local
 * (relative to the working directory).
 * @throws SourceError `bad-url` or `scheme-not-allowed`
 */
export function parseRepositoryUrl(repoUrl: string): RepositoryLocation {
  if (repoUrl.trim() === "" || repoUrl.length > MAX_URL_LENGTH || /\p{Cc}/u.test(repoUrl))
    throw badUrl("<repoURL>", "the repository URL is empty, too long or has control characters");
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):(\/\/|:)/.exec(repoUrl)?.[1]?.toLowerCase();
  if (scheme === "http" || scheme === "https") return remoteLocation(repoUrl);
  if (scheme !== undefined) throw schemeError(scheme, OTHER_SCHEMES[scheme]);
  // `git@host:team/app.git`; a one-letter "host" is a Windows drive.
  if (/^[^/\\]*[^/\\:]{2}:[^\\]/.test(repoUrl)) throw schemeError("ssh", OTHER_SCHEMES["ssh"]);
  return { kind: "local", path: resolve(repoUrl) };
}

function remoteLocation(text: string): RepositoryLocation {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    // The parser's own message repeats the URL, which may hold a password.
    throw badUrl(redactUrl(text), "not a valid URL");
  }
  const userinfo =
    url.username === "" && url.password === ""
      ? undefined
      : { username: decoded(url.username), password: decoded(url.password) };
  const shown = `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, "")}`;
  return { kind: "remote", url: shown, ...(userinfo !== undefined && { userinfo }) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Takes credentials (userinfo with and without a scheme, query) out of anything that looks like a URL. */
export function redactUrl(text: string): string {
  return text
    .replace(/([a-zA-Z][a-zA-Z0-9+.-]*:\/\/)[^/?#\s]*@/g, "$1")
    .replace(/^[^/@\s]*:[^/@\s]*@/, "")
    .replace(/(:\/\/[^?#\s]*)[?#]\S*/g, "$1");
}

function badUrl(where: string, what: string): SourceError {
  return new SourceError("bad-url", {
    what,
    where,
    advice: "Give an https:// URL or a path, e.g. https://git.example.com/team/app.git.",
  });
}

function schemeError(scheme: string, advice = "Use https:// or a local path."): SourceError {
  return new SourceError("scheme-not-allowed", {
    what: `repositories are not read over ${JSON.stringify(scheme)}`,
    where: "repoURL",
    advice,
  });
}
