/** `url("https://example.com:80/").getHost()`, as Kubernetes' URL library. */
import { type Environment, EvaluationError } from "../library.ts";

const TYPE = "kubernetes.URL";
/** Only lends paths (`/a/b`), which are URLs too, what the parser needs. */
const NO_HOST = "none://none";

class CelUrl {
  readonly url: URL;
  readonly isPath: boolean;
  constructor(url: URL, isPath: boolean) {
    this.url = url;
    this.isPath = isPath;
  }
}

function parse(text: string): CelUrl | undefined {
  const isPath = text.startsWith("/");
  if (/[\s\p{Cc}]/u.test(text)) return undefined;
  if (!isPath && !/^[a-z][a-z0-9+.-]*:/i.test(text)) return undefined;
  try {
    return new CelUrl(new URL(isPath ? NO_HOST + text : text), isPath);
  } catch {
    return undefined; // the one way in which URL says no
  }
}

function read(text: string): CelUrl {
  const url = parse(text);
  // The text is left out: it may hold a password.
  if (url === undefined) throw new EvaluationError("the text is no absolute URL");
  return url;
}

function query({ url }: CelUrl): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const [key, value] of url.searchParams) values.set(key, [...(values.get(key) ?? []), value]);
  return values;
}

export function registerUrl(environment: Environment): void {
  const method = (signature: string, handler: (url: CelUrl) => unknown): void => {
    environment.registerFunction(`${TYPE}.${signature}`, handler, { async: false });
  };
  environment.registerType(TYPE, { ctor: CelUrl, fields: {} });
  environment.registerFunction(`url(string): ${TYPE}`, read, { async: false });
  environment.registerFunction("isURL(string): bool", (text: string) => parse(text) !== undefined, {
    async: false,
  });
  environment.registerOperator(
    `${TYPE} == ${TYPE}`,
    (a: CelUrl, b: CelUrl) => a.url.href === b.url.href,
  );
  method("getScheme(): string", ({ url, isPath }) => (isPath ? "" : url.protocol.slice(0, -1)));
  method("getHost(): string", ({ url, isPath }) => (isPath ? "" : url.host));
  method("getHostname(): string", ({ url, isPath }) =>
    isPath ? "" : url.hostname.replace(/^\[|\]$/g, ""),
  );
  method("getPort(): string", ({ url }) => url.port);
  method("getEscapedPath(): string", ({ url }) => url.pathname);
  method("getQuery(): map<string, list<string>>", query);
}
