/**
 * Writes on the Secret of each repository's token under which URL the repository is reached now:
 * for the command line on other machines, and for people who read the Secret.
 */
import type { Client } from "../../client/client.ts";
import type { Informer } from "../../client/informer.ts";
import type { Logger } from "../../client/logger.ts";
import { repositoryOfSecret, PUSH_URL_ANNOTATION } from "../../gitops/push/push-token.ts";
import { type Secret, secrets } from "../../kube/kinds/secret.ts";

export interface PushUrlOptions {
  readonly client: Client;
  /** Of the Secrets that may hold a token. */
  readonly informers: readonly Informer<Secret>[];
  /** `http://127.0.0.1:7575` */
  readonly origin: string;
  readonly logger: Logger;
}

/** Until the returned function is called. */
export function announcePushUrls(options: PushUrlOptions): () => Promise<void> {
  const { informers, logger } = options;
  const writing = new Set<Promise<void>>();
  const announce = (secret: Secret): void => {
    const write = announceUrl(secret, options)
      .catch((error: unknown) => logger.warn({ err: error }, "a push URL cannot be announced"))
      .finally(() => writing.delete(write));
    writing.add(write);
  };
  const stops = informers.map((informer) =>
    informer.onChange(({ type, object }) => {
      if (type !== "DELETED") announce(object);
    }),
  );
  for (const secret of informers.flatMap((informer) => informer.list())) announce(secret);
  return async () => {
    for (const stop of stops) stop();
    await Promise.all(writing);
  };
}

async function announceUrl(secret: Secret, { client, origin }: PushUrlOptions): Promise<void> {
  const repository = repositoryOfSecret(secret);
  if (repository === undefined) return;
  const { namespace, name } = secret.metadata;
  const url = `${origin}/git/${repository.namespace}/${repository.name}.git`;
  if (secret.metadata.annotations?.[PUSH_URL_ANNOTATION] === url) return;
  const body = { metadata: { annotations: { [PUSH_URL_ANNOTATION]: url } } };
  const key = { namespace: namespace ?? "default", name };
  await client.patch(secrets, key, { type: "merge", body }, { fieldManager: "gantry-server" });
}
