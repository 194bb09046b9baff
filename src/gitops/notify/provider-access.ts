/** What a Provider needs to be reached: its Secrets are read anew for every delivery, and kept nowhere. */
import { parse } from "yaml";
import type { Client } from "../../client/client.ts";
import type { Provider } from "../../kube/kinds/provider.ts";
import { secrets } from "../../kube/kinds/secret.ts";
import { isStatus } from "../../kube/status-error.ts";
import { parseDuration } from "../duration.ts";
import { DeliveryError } from "./delivery-error.ts";
import { basic, type ForgeAccess } from "./forges/forge.ts";
import type { Place } from "./messages/post.ts";
import type { SessionOptions } from "./session.ts";

/** As in Flux; far more than any chat or forge needs. */
const DEFAULT_TIMEOUT_MS = 15_000;
const MAX_TIMEOUT_MS = 60_000;
const MIN_TIMEOUT_MS = 100;
const MAX_HEADERS = 50;
/** Those that say how a message is framed are the connection's, not the user's. */
const OWN_HEADERS =
  /^(host|content-length|transfer-encoding|connection|upgrade|expect|te|trailer)$/i;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Holds secrets: never log it. */
export interface ProviderAccess {
  /** Undefined where neither the Secret nor the spec names one. */
  readonly address: string | undefined;
  readonly credentials: Pick<ForgeAccess, "token" | "username" | "password">;
  readonly place: Omit<Place, "address">;
  readonly session: Pick<
    SessionOptions,
    "ca" | "certificate" | "key" | "proxy" | "timeoutMs" | "secrets"
  >;
}

/** @throws DeliveryError `configuration` */
export async function providerAccess(
  { metadata, spec }: Provider,
  client: Client,
  signal: AbortSignal,
): Promise<ProviderAccess> {
  const { namespace = "" } = metadata;
  const read = (ref: { name: string } | undefined): Promise<ReadonlyMap<string, string>> =>
    readSecret(client, namespace, ref?.name, signal);
  const own = await read(spec.secretRef);
  const proxy = await read(spec.proxySecretRef);
  const certificates = await read(spec.certSecretRef);
  const username = own.get("username") ?? spec.username;
  const [token, password] = [own.get("token"), own.get("password")];
  const proxyAddress = proxy.get("address") ?? own.get("proxy");
  const address = own.get("address") ?? spec.address;
  return {
    address,
    credentials: { token, username, password },
    place: {
      channel: spec.channel,
      username: spec.username,
      token,
      headers: {
        ...(username !== undefined && password !== undefined
          ? { authorization: basic(username, password) }
          : {}),
        ...headersOf(own.get("headers")),
      },
    },
    session: {
      ca: certificates.get("ca.crt"),
      certificate: certificates.get("tls.crt"),
      key: certificates.get("tls.key"),
      proxy: proxyAddress === undefined ? undefined : proxyOf(proxyAddress, proxy),
      timeoutMs: timeoutOf(spec.timeout),
      secrets: [...own.values(), ...proxy.values(), ...(address === undefined ? [] : [address])],
    },
  };
}

async function readSecret(
  client: Client,
  namespace: string,
  name: string | undefined,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  if (name === undefined) return new Map();
  try {
    const { data = {} } = await client.get(secrets, { namespace, name }, { signal });
    return new Map(
      Object.entries(data)
        .map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8").trim()] as const)
        .filter(([, value]) => value !== ""),
    );
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
    throw new DeliveryError("configuration", `Secret ${namespace}/${name} does not exist`);
  }
}

function proxyOf(
  address: string,
  secret: ReadonlyMap<string, string>,
): NonNullable<SessionOptions["proxy"]> {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new DeliveryError("configuration", "the proxy's address is no http:// or https:// URL");
  }
  const username = secret.get("username") ?? decodeURIComponent(url.username);
  const password = secret.get("password") ?? decodeURIComponent(url.password);
  url.username = "";
  url.password = "";
  return {
    address: url.href,
    ...(username === "" ? {} : { authorization: basic(username, password) }),
  };
}

/** Further headers, as a YAML map. */
function headersOf(text: string | undefined): Record<string, string> {
  if (text === undefined) return {};
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(readMap(text)).slice(0, MAX_HEADERS)) {
    const isUsable = HEADER_NAME.test(name) && !OWN_HEADERS.test(name);
    if (!isUsable || typeof value !== "string" || /[^\t\x20-\x7e]/.test(value))
      throw new DeliveryError(
        "configuration",
        "the Secret's key headers has a header that cannot be sent",
      );
    headers[name.toLowerCase()] = value;
  }
  return headers;
}

function readMap(text: string): object {
  let value: unknown;
  try {
    value = parse(text, { schema: "failsafe", maxAliasCount: 0 }) as unknown;
  } catch {
    // The parser's own message repeats the text, which is secret.
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new DeliveryError("configuration", "the Secret's key headers is no YAML map");
}

function timeoutOf(text: string | undefined): number {
  const timeoutMs = text === undefined ? undefined : parseDuration(text);
  return Math.min(Math.max(timeoutMs ?? DEFAULT_TIMEOUT_MS, MIN_TIMEOUT_MS), MAX_TIMEOUT_MS);
}
