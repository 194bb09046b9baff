/** Which HTTP proxy a repository's server is reached through, if any. */
import { BlockList, isIP, isIPv4 } from "node:net";
import { SourceError } from "../source-error.ts";

export interface ProxySettings {
  /** `http://[user:password@]host[:port]`, or `https://…` to the proxy itself. */
  readonly proxy?: string;
  /** Comma-separated: hosts, domains with all below them, `host:port`, addresses, CIDR, `*`. */
  readonly noProxy?: string;
}

/**
 * The proxy for a server. A repository's own setting wins; otherwise the environment's
 * `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` hold, as for curl and git. This machine itself is
 * never asked for through a proxy.
 * @throws SourceError `bad-url`, without repeating the URL, which may hold a password
 */
export function proxyFor(
  target: { readonly protocol: string; readonly hostname: string; readonly port: number },
  settings: ProxySettings,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): URL | undefined {
  const host = target.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const own = settings.proxy !== undefined && settings.proxy !== "";
  const read = (name: string): string => environment[name] ?? environment[name.toUpperCase()] ?? "";
  const ofScheme = target.protocol === "http:" ? "http_proxy" : "https_proxy";
  const text = own ? (settings.proxy ?? "") : read(ofScheme) || read("all_proxy");
  const exceptions = own ? (settings.noProxy ?? "") : (settings.noProxy ?? read("no_proxy"));
  if (text === "" || isThisMachine(host) || isExcepted(host, target.port, exceptions))
    return undefined;
  return parseProxy(text, `${target.protocol}//${target.hostname}`);
}

function parseProxy(text: string, where: string): URL {
  const url = URL.parse(/^[a-z0-9]+:\/\//i.test(text) ? text : `http://${text}`);
  if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return url;
  throw new SourceError("bad-url", {
    what: "the proxy is not an http:// or https:// URL",
    where,
    advice: "Write proxy: http://proxy.example.com:3128 in the repository's Secret.",
  });
}

function isThisMachine(host: string): boolean {
  return (
    host === "localhost" || host.endsWith(".localhost") || host === "::1" || host.startsWith("127.")
  );
}

function isExcepted(host: string, port: number, exceptions: string): boolean {
  return exceptions
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => matches(entry.toLowerCase(), host, port));
}

function matches(entry: string, host: string, port: number): boolean {
  if (entry === "*") return true;
  if (entry.includes("/")) return isInSubnet(entry, host);
  const withPort = /^(.*?|\[.*\]):(\d+)$/.exec(entry);
  const isPlain = withPort === null || isIP(entry) !== 0;
  if (!isPlain && Number(withPort[2]) !== port) return false;
  const name = (isPlain ? entry : (withPort[1] ?? ""))
    .replace(/^\[|\]$/g, "")
    .replace(/^\*?\./, "");
  return host === name || (isIP(host) === 0 && host.endsWith(`.${name}`));
}

function isInSubnet(entry: string, host: string): boolean {
  const [network = "", bits = ""] = entry.split("/");
  if (isIP(host) === 0 || isIP(network) !== isIP(host) || !/^\d{1,3}$/.test(bits)) return false;
  const family = isIPv4(host) ? "ipv4" : "ipv6";
  if (Number(bits) > (family === "ipv4" ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits), family);
  return list.check(host, family);
}
