/**
 * The address of a repository as it is compared with what a Project allows: without credentials,
 * user, `.git` and trailing slash, so that no other spelling of a forbidden one gets through.
 */
export function sourceAddress(repoURL: string): string {
  let text = repoURL.trim();
  // `git@host:path` is `ssh://host/path`.
  const short = /^(?:[^@/\s]+@)?([^/:\s]+):(?!\/\/)(.*)$/.exec(text);
  if (short !== null && !/^[a-z][a-z0-9+.-]*:\/\//i.test(text) && !text.startsWith("/"))
    text = `ssh://${short[1] ?? ""}/${short[2] ?? ""}`;
  const parts = /^([a-z][a-z0-9+.-]*):\/\/([^/]*)(.*)$/i.exec(text);
  if (parts !== null) {
    const [, scheme = "", authority = "", path = ""] = parts;
    const host = authority.slice(authority.lastIndexOf("@") + 1).toLowerCase();
    text = `${scheme.toLowerCase()}://${withoutDefaultPort(scheme.toLowerCase(), host)}${normalPath(path)}`;
  } else if (text.startsWith("/")) text = normalPath(text);
  return text.replace(/\/+$/, "").replace(/\.git$/, "");
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { https: ":443", http: ":80", ssh: ":22" };

function withoutDefaultPort(scheme: string, host: string): string {
  const port = DEFAULT_PORTS[scheme];
  return port !== undefined && host.endsWith(port) ? host.slice(0, -port.length) : host;
}

/** `//a/./b/../c` names what `/a/c` names. */
function normalPath(path: string): string {
  const bare = decoded(path.split(/[?#]/)[0] ?? "");
  const kept: string[] = [];
  for (const part of bare.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") kept.pop();
    else kept.push(part);
  }
  return kept.length === 0 ? (bare.startsWith("/") ? "/" : "") : `/${kept.join("/")}`;
}

/** `%61` is an `a` to the server as well. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // a stray percent sign stands for itself
  }
}
