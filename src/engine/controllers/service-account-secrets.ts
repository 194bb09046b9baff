/**
 * Fills in Secrets of type `kubernetes.io/service-account-token`: a token without end, the
 * certificate authority and the namespace. They are deleted with their ServiceAccount.
 */
import { withFieldManager } from "../../client/field-manager.ts";
import { done, type Result } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { type Secret, secrets as secretResource } from "../../kube/kinds/secret.ts";
import { type ServiceAccount, serviceAccounts } from "../../kube/kinds/serviceaccount.ts";
import { keyOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { isNamespaceTerminating } from "./namespace-terminating.ts";

const NAME = "service-account-token-controller";
const WORKERS = 1;
const TOKEN_TYPE = "kubernetes.io/service-account-token";
const ACCOUNT_NAME = "kubernetes.io/service-account.name";
const ACCOUNT_UID = "kubernetes.io/service-account.uid";

export interface SecretTokenOptions {
  /** PEM. */
  readonly ca: string;
  readonly issue: (
    namespace: string,
    account: { readonly name: string; readonly uid: string },
    secretName: string,
  ) => string;
}

export function createServiceAccountSecrets(
  context: ControllerContext,
  options: SecretTokenOptions,
): Controller {
  const { informers, clock } = context;
  const client = withFieldManager(context.client, NAME);
  const secrets = informers.of(secretResource);
  const accounts = informers.of(serviceAccounts);
  const queue = new WorkQueue({ clock });

  secrets.onChange(({ object }) => {
    if (object.type === TOKEN_TYPE) queue.add(keyOf(object));
  });
  accounts.onChange(({ object: { metadata } }) => {
    for (const secret of secrets.list(metadata.namespace ?? ""))
      if (isOf(secret, metadata.name)) queue.add(keyOf(secret));
  });

  async function reconcile(key: string): Promise<Result> {
    const secret = secrets.get(key);
    if (secret === undefined || secret.type !== TOKEN_TYPE) return done;
    const { namespace = "", name, annotations = {}, uid = "" } = secret.metadata;
    const accountName = annotations[ACCOUNT_NAME] ?? "";
    try {
      // The caches of two kinds are not of one moment: nothing is deleted on the word of one.
      const account =
        accounts.get(`${namespace}/${accountName}`) ?? (await live(namespace, accountName));
      if (account === undefined || isOfAnother(secret, account))
        await client.delete(secretResource, { namespace, name }, { preconditions: { uid } });
      else {
        const filled = withToken(secret, account, options);
        if (filled !== secret) await client.update(secretResource, filled);
      }
    } catch (error) {
      const isSettled = isStatus(error, "NotFound", "Conflict");
      if (!isSettled && !isNamespaceTerminating(error)) throw error;
    }
    return done;
  }

  async function live(namespace: string, name: string): Promise<ServiceAccount | undefined> {
    try {
      return await client.get(serviceAccounts, { namespace, name });
    } catch (error) {
      if (isStatus(error, "NotFound")) return undefined;
      throw error;
    }
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

const isOf = ({ type, metadata }: Secret, account: string): boolean =>
  type === TOKEN_TYPE && metadata.annotations?.[ACCOUNT_NAME] === account;

/** The account was deleted and made anew: what its predecessor could do, it may not. */
function isOfAnother({ metadata }: Secret, account: ServiceAccount): boolean {
  const uid = metadata.annotations?.[ACCOUNT_UID] ?? "";
  return uid !== "" && uid !== account.metadata.uid;
}

function withToken(secret: Secret, account: ServiceAccount, options: SecretTokenOptions): Secret {
  const { namespace = "", name, annotations } = secret.metadata;
  const { uid = "" } = account.metadata;
  const encode = (text: string): string => Buffer.from(text).toString("base64");
  const data = secret.data ?? {};
  const wanted = {
    "ca.crt": encode(options.ca),
    namespace: encode(namespace),
    token:
      (data["token"] ?? "") === ""
        ? encode(options.issue(namespace, { name: account.metadata.name, uid }, name))
        : (data["token"] ?? ""),
  };
  const isFilled =
    annotations?.[ACCOUNT_UID] === uid &&
    Object.entries(wanted).every(([key, value]) => data[key] === value);
  if (isFilled) return secret;
  return {
    ...secret,
    metadata: { ...secret.metadata, annotations: { ...annotations, [ACCOUNT_UID]: uid } },
    data: { ...data, ...wanted },
  };
}
