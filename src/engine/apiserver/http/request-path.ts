/** The grammar of API paths: which resource, object and subresource a URL names. Pure. */
import { StatusError } from "../../../kube/status-error.ts";

export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/**
 * The decoded segments of a path. A segment that decodes to something with a slash, or to a dot
 * segment, is refused: it could name another object than the one that was authorized.
 */
export function pathSegments(pathname: string): string[] {
  const segments = pathname.split("/").slice(1);
  if (segments.at(-1) === "") segments.pop();
  return segments.map((segment) => {
    let decoded: string;
    try {
      decoded = decodeURIComponent(segment);
    } catch (error) {
      if (error instanceof URIError) throw badPath(pathname);
      throw error;
    }
    const isUnsafe =
      decoded === "" ||
      decoded === "." ||
      decoded === ".." ||
      [...decoded].some((character) => character === "/" || character === "\\" || character < " ");
    if (isUnsafe) throw badPath(pathname);
    return decoded;
  });
}

const badPath = (pathname: string): StatusError =>
  StatusError.of("BadRequest", `the path ${JSON.stringify(pathname)} is not valid`);

/** Undefined for paths that name no resource, e.g. `/api/v1` or `/healthz`. */
export function resourcePath(segments: readonly string[]): ResourcePath | undefined {
  const [root, ...rest] = segments;
  if (root === "api") return below("", rest[0], rest.slice(1));
  if (root === "apis") return below(rest[0], rest[1], rest.slice(2));
  return undefined;
}

function below(
  group: string | undefined,
  version: string | undefined,
  rest: readonly string[],
): ResourcePath | undefined {
  if (group === undefined || version === undefined || rest.length === 0) return undefined;
  const [first = "", second, third] = rest;
  // Namespaces are objects themselves: /namespaces/x/status and /namespaces/x/pods look alike.
  const isInside =
    first === "namespaces" &&
    second !== undefined &&
    third !== undefined &&
    !(rest.length === 3 && (third === "status" || third === "finalize"));
  const [plural = "", name, ...subresource] = isInside ? rest.slice(2) : rest;
  return {
    group,
    version,
    plural,
    namespace: isInside ? second : undefined,
    name,
    subresource: subresource.length === 0 ? undefined : subresource.join("/"),
  };
}
