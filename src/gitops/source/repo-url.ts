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
      /** Only of `ssh://…` and `git@host:path`. */
      readonly ssh?: SshAddress;
    }
  | { readonly kind: "local"; readonly path: string };

export interface SshAddress {
  readonly user: string;
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** As the server's `git-upload-pack` gets it. */
  readonly path: string;
}

/** Longer than any URL a Git server accepts; keeps hostile input out of logs and regexes. */
const MAX_URL_LENGTH = 4096;

/** Schemes that people do write, with what to tell them. */
const OTHER_SCHEMES: Readonly<Record<string, string>> = {
  git: "The git:// protocol has neither encryption nor authentication: use https:// or ssh://.",
  file: "Write the plain path instead: /srv/repos/app.git.",
  ext: "Remote helpers run commands and are never allowed: use https://.",
};

/**
 * Reads a `repoURL`: http(s) and ssh URLs and `git@host:path` are remote, everything that looks
 * like a path is local (relative to the working directory).
 * @throws SourceError `bad-url` or `scheme-not-allowed`
 */
export function parseRepositoryUrl(repoUrl: string): RepositoryLocation {
  if (repoUrl.trim() === "" || repoUrl.length > MAX_URL_LENGTH || /\p{Cc}/u.test(repoUrl))
    throw badUrl("<repoURL>", "the repository URL is empty, too long or has control characters");
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):(\/\/|:)/.exec(repoUrl)?.[1]?.toLowerCase();
  if (scheme === "http" || scheme === "https") return remoteLocation(repoUrl);
  const isSshUrl = /^(ssh|git\+ssh|ssh\+git):\/\//i.test(repoUrl);
  if (isSshUrl) return sshLocation(repoUrl);
  if (scheme !== undefined) {
    const advice = Object.hasOwn(OTHER_SCHEMES, scheme) ? OTHER_SCHEMES[scheme] : undefined;
    throw schemeError(scheme, advice);
  }
  // `git@host:team/app.git`; a one-letter "host" is a Windows drive.
  if (/^[^/\\]*(?:[^/\\:]{2}|\]):[^\\]/.test(repoUrl)) return scpLocation(repoUrl);
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

/** Whether a `repoURL` is a path of this machine, which is watched rather than polled. */
export function isLocalRepository(repoUrl: string): boolean {
  try {
    return parseRepositoryUrl(repoUrl).kind === "local";
  } catch {
    return false;
  }
}

const DEFAULT_SSH_PORT = 22;
/** Whom Git servers expect. */
const DEFAULT_SSH_USER = "git";

function sshLocation(text: string): RepositoryLocation {
  // Only for special schemes does the parser lower-case hosts and insist on them.
  const url = URL.parse(text.replace(/^[a-z+]+:/i, "http:"));
  if (url === null) throw badUrl(redactUrl(text), "not a valid URL");
  // The parser drops 80, which is the default of the scheme that it was told.
  const written = /^[a-z+]+:\/\/[^/?#]*:(\d+)(?:[/?#]|$)/i.exec(text)?.[1];
  const port = written === undefined ? DEFAULT_SSH_PORT : Number(written);
  if (url.password !== "") throw badUrl(redactUrl(text), "an ssh URL must not hold a password");
  const path = decoded(url.pathname).replace(/\/+$/, "");
  return sshRemote({
    user: decoded(url.username) || DEFAULT_SSH_USER,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port,
    // `ssh://host/~user/app.git` is relative to a home directory.
    path: path.startsWith("/~") ? path.slice(1) : path,
  });
}

function scpLocation(text: string): RepositoryLocation {
  const match = /^(?:([^@/:]+)@)?(\[[^\]/]+\]|[^:/@]+):(.+)$/.exec(text);
  // `robot:secret@host:path` would show its password as part of the path.
  const hasPassword = /^[^/@]*:[^/]*@/.test(text);
  if (match?.[2] === undefined || match[3] === undefined || hasPassword)
    throw badUrl(redactUrl(text), "not a valid URL");
  const host = URL.parse(`http://${match[2]}/`)?.hostname.replace(/^\[|\]$/g, "");
  if (host === undefined) throw badUrl(redactUrl(text), "not a valid URL");
  const path = match[3].replace(/\/+$/, "");
  return sshRemote({ user: match[1] ?? DEFAULT_SSH_USER, host, port: DEFAULT_SSH_PORT, path });
}

/** Nothing that becomes part of a command on the server may look like an option. */
function sshRemote(ssh: SshAddress): RepositoryLocation {
  const { user, host, port, path } = ssh;
  const shownHost = host.includes(":") ? `[${host}]` : host;
  const at = `${user}@${shownHost}${port === DEFAULT_SSH_PORT ? "" : `:${port}`}`;
  const isUrl = /^[/~]/.test(path) || port !== DEFAULT_SSH_PORT;
  const url = isUrl ? `ssh://${at}/${path.replace(/^\//, "")}` : `${at}:${path}`;
  const isStrange = [user, host, path].some((part) => part === "" || part.startsWith("-"));
  if (isStrange || /\p{Cc}/u.test(`${user}${path}`) || port < 1 || port > 65_535)
    throw badUrl(redactUrl(url), "the user, the host or the path of the ssh URL is not usable");
  return { kind: "remote", url, ssh };
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
