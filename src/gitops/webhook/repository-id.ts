/** Which repository a URL names, however it is written: clone URLs of any transport and web pages compare equal. */

export interface RepositoryPlace {
  /** Lower case. */
  readonly host: string;
  /** Only of http(s) URLs: the port of ssh says nothing about the web. */
  readonly port?: string;
  /** Without leading slash and `.git`. */
  readonly path: string;
}

/** Longer than any URL that a forge accepts. */
const MAX_URL_CHARACTERS = 4_096;

export function repositoryPlace(url: string): RepositoryPlace | undefined {
  if (url.length > MAX_URL_CHARACTERS) return undefined;
  const scp = /^(?:[^@/\s]+@)?([^:/\s]+):(?!\/\/)(.+)$/.exec(url);
  const [, scheme = "", host = "", port, path = ""] =
    scp === null
      ? (/^([a-z][a-z+]*):\/\/(?:[^@/\s]*@)?(\[[^\]\s]*\]|[^/:\s]+)(?::(\d+))?\/(.+)$/i.exec(url) ??
        [])
      : [url, "ssh", scp[1], undefined, scp[2]];
  if (host === "") return undefined;
  return {
    host: host.toLowerCase(),
    ...(port === undefined || !/^https?$/i.test(scheme) ? {} : { port }),
    path: plainPath(path),
  };
}

function plainPath(path: string): string {
  let end = path.length;
  while (end > 0 && path[end - 1] === "/") end--;
  const start = path.startsWith("/") ? 1 : 0;
  return path.slice(start, end).replace(/\.git$/, "");
}

/** `host/path`, equal for all URLs of one repository. */
export function repositoryId(url: string): string | undefined {
  const place = repositoryPlace(url);
  if (place === undefined) return undefined;
  // Bitbucket Server serves clones below /scm.
  return `${place.host}/${place.path.replace(/^scm\//, "")}`.toLowerCase();
}
