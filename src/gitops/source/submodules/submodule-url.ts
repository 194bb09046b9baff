/** Where a submodule is fetched from: relative URLs are resolved, and only safe schemes pass. */
import { parseRepositoryUrl } from "../repo-url.ts";
import { SourceError } from "../source-error.ts";

export interface SubmoduleUrl {
  readonly repoURL: string;
  /** Whether it is at the very server that the repository is from: only then with its credential. */
  readonly sameServer: boolean;
}

/**
 * @param parent URL of the repository that names the submodule
 * @throws SourceError `scheme-not-allowed` or `bad-url`
 */
export function submoduleUrl(parent: string, url: string, path: string): SubmoduleUrl {
  const repoURL = /^\.\.?(\/|$)/.test(url) ? resolveRelative(parent, url, path) : url;
  const server = serverOf(repoURL);
  const sameServer = server !== undefined && server === serverOf(parent);
  // What was asked for over TLS is not fetched in the clear because a file says so.
  if (server === undefined || (server.startsWith("http:") && !sameServer)) throw refused(path);
  return { repoURL, sameServer };
}

/** `https://host:port`, or `ssh://host:port`; undefined for paths and other schemes. */
function serverOf(repoURL: string): string | undefined {
  let location: ReturnType<typeof parseRepositoryUrl>;
  try {
    location = parseRepositoryUrl(repoURL);
  } catch {
    return undefined;
  }
  if (location.kind === "local") return undefined;
  if (location.ssh !== undefined) return `ssh://${location.ssh.host}:${location.ssh.port}`;
  const { protocol, host } = new URL(location.url);
  return `${protocol}//${host}`;
}

/** As git does it: `../` takes away the last name of the parent's URL. */
function resolveRelative(parent: string, relative: string, path: string): string {
  let base = parent.replace(/\/+$/, "");
  const root = /^(?:[a-z+]+:\/\/[^/]+|[^/:]*(?:\[[^\]]*\])?:)/i.exec(base)?.[0] ?? "";
  let rest = relative;
  for (;;) {
    if (rest.startsWith("../")) {
      const slash = base.lastIndexOf("/");
      // Of `git@host:app.git` only the host is left.
      base = slash >= root.length ? base.slice(0, slash) : root;
      if (base === root && slash < root.length && !root.endsWith(":")) throw refused(path);
      rest = rest.slice(3);
    } else if (rest.startsWith("./")) rest = rest.slice(2);
    else break;
  }
  if (root === "" || rest === "" || rest === "..") throw refused(path);
  return `${base}${base.endsWith(":") ? "" : "/"}${rest}`;
}

function refused(path: string): SourceError {
  return new SourceError("scheme-not-allowed", {
    what: `the URL of the submodule ${JSON.stringify(path)} is not one that submodules are fetched from`,
    where: ".gitmodules",
    advice: "Use an https:// or ssh:// URL, or one relative to the repository's own (../lib.git).",
  });
}
