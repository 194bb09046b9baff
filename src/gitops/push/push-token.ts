/**
 * The credential of a repository that Gantry keeps: a random token in a Secret beside its
 * Application. Whoever may read the Secret may push.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Client } from "../../client/client.ts";
import { type Secret, secrets } from "../../kube/kinds/secret.ts";
import { isStatus } from "../../kube/status-error.ts";
import { repositoryId, type RepositoryId } from "./internal-repository.ts";

export const PUSH_USER = "git";
const TOKEN_BYTES = 32;
const TOKEN_KEY = "token";
const SECRET_PREFIX = "gantry-push-";
const SECRET_TYPE_LABEL = "gantry.dev/secret-type";
const SECRET_TYPE = "push";
export const PUSH_SECRET_SELECTOR = `${SECRET_TYPE_LABEL}=${SECRET_TYPE}`;
/** On the Secret: under which URL the server has the repository, without a credential. */
export const PUSH_URL_ANNOTATION = "gantry.dev/push-url";
const FIELD_MANAGER = "gantry";

function secretKey({ namespace, name }: RepositoryId): { namespace: string; name: string } {
  return { namespace, name: `${SECRET_PREFIX}${name}` };
}

/** The repository whose token a Secret holds; undefined: none. */
export function repositoryOfSecret({ metadata }: Secret): RepositoryId | undefined {
  const { namespace = "", name, labels } = metadata;
  if (labels?.[SECRET_TYPE_LABEL] !== SECRET_TYPE || !name.startsWith(SECRET_PREFIX))
    return undefined;
  return repositoryId(namespace, name.slice(SECRET_PREFIX.length));
}

/** Where a repository is read from another machine, with its token; undefined: not known. */
export function pushAccess(
  secret: Secret,
): { readonly url: string; readonly token: string } | undefined {
  const url = secret.metadata.annotations?.[PUSH_URL_ANNOTATION];
  const token = tokenOf(secret);
  return url === undefined || token === undefined ? undefined : { url, token };
}

function tokenOf(secret: Secret): string | undefined {
  const value = Buffer.from(secret.data?.[TOKEN_KEY] ?? "", "base64")
    .toString("utf8")
    .trim();
  return value === "" ? undefined : value;
}

/** The token as it is; undefined when there is none yet. */
export async function readPushToken(
  client: Pick<Client, "get">,
  repository: RepositoryId,
): Promise<string | undefined> {
  try {
    return tokenOf(await client.get(secrets, secretKey(repository)));
  } catch (error) {
    if (isStatus(error, "NotFound")) return undefined;
    throw error;
  }
}

/** Makes a token where there is none, or, with `rotate`, another one: the old one is void at once. */
export async function ensurePushToken(
  client: Client,
  repository: RepositoryId,
  options: { readonly rotate?: boolean } = {},
): Promise<string> {
  const before = await readPushToken(client, repository);
  if (before !== undefined && options.rotate !== true) return before;
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  const key = secretKey(repository);
  await client.patch(
    secrets,
    key,
    {
      type: "apply",
      body: {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { ...key, labels: { [SECRET_TYPE_LABEL]: SECRET_TYPE } },
        type: "Opaque",
        data: { [TOKEN_KEY]: Buffer.from(token).toString("base64") },
      } satisfies Secret,
    },
    { fieldManager: FIELD_MANAGER, force: true },
  );
  return token;
}

/** In the same time whatever is wrong: the token, or that there is none. */
export function isSameToken(given: string, wanted: string | undefined): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  const isSame = timingSafeEqual(digest(given), digest(wanted ?? ""));
  return isSame && wanted !== undefined && wanted !== "";
}
