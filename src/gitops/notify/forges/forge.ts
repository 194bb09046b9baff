/** Where a forge has the repository of an Application, and how requests to it prove who they are. */
import type { Application } from "../../../kube/kinds/application.ts";
import { sourcesOf } from "../../../kube/kinds/application.ts";
import { repositoryId, repositoryPlace } from "../../webhook/repository-id.ts";
import { DeliveryError } from "../delivery-error.ts";

export interface ForgeAccess {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly host: string;
  /** Path of the repository, in segments, as its web page has it. */
  readonly path: readonly string[];
  /** Which of the Application's sources this repository is. */
  readonly sourceIndex: number;
  readonly token: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** Deeper than any nesting of groups. */
const MAX_SEGMENTS = 30;

/**
 * Undefined when the Application's commits are not in the repository that `address` names, or not
 * on its host where `address` names no repository: a token goes to that host only, whatever an
 * Application says.
 * @throws DeliveryError `configuration`
 */
export function forgeAccess(
  application: Application,
  address: string,
  credentials: Pick<ForgeAccess, "token" | "username" | "password">,
): ForgeAccess | undefined {
  const url = parse(address);
  const wholeHost = url.pathname.replace(/\/+$/, "") === "";
  const sources = sourcesOf(application.spec);
  const sourceIndex = sources.findIndex(
    ({ repoURL, chart }) =>
      chart === undefined &&
      !/^oci:/i.test(repoURL) &&
      (wholeHost
        ? repositoryPlace(repoURL)?.host === url.hostname
        : repositoryId(repoURL) === repositoryId(url.href)),
  );
  const repoURL = sources[sourceIndex]?.repoURL;
  if (repoURL === undefined) return undefined;
  const place = repositoryPlace(wholeHost ? repoURL : url.href);
  const path = (place?.path ?? "").split("/").map(segment);
  if (path.length < 2 || path.length > MAX_SEGMENTS || path.includes(undefined)) return undefined;
  return {
    origin: url.origin,
    host: url.hostname,
    path: path.filter((part) => part !== undefined),
    sourceIndex,
    ...credentials,
  };
}

function parse(address: string): URL {
  try {
    return new URL(address);
  } catch {
    throw new DeliveryError("configuration", "the address is no http:// or https:// URL");
  }
}

/** One segment, decoded; undefined for what would lead elsewhere. */
function segment(text: string): string | undefined {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    return undefined;
  }
  return decoded === "" || /^\.{1,2}$/.test(decoded) || /[/\\\p{Cc}]/u.test(decoded)
    ? undefined
    : decoded;
}

/** Segments as a path of a URL. */
export const joined = (segments: readonly string[]): string =>
  segments.map(encodeURIComponent).join("/");

/** The last two segments: what most forges call owner and repository. */
export function ownerAndName({ path }: ForgeAccess): string {
  return joined(path.slice(-2));
}

/** What comes before owner and repository: a forge may live below a path of its host. */
export function prefixOf({ path }: ForgeAccess): string {
  const before = joined(path.slice(0, -2));
  return before === "" ? "" : `/${before}`;
}

/** @throws DeliveryError without a token */
export function requireToken({ token }: ForgeAccess): string {
  if (token === undefined)
    throw new DeliveryError("configuration", "the Provider needs a Secret with the key token");
  return token;
}

export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
