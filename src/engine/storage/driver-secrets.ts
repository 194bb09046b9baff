/** Reads the secrets that drivers are given, when they are needed and never before. */
import type { SecretReference } from "kubernetes-types/core/v1";
import type { Client } from "../../client/client.ts";
import { secrets } from "../../kube/kinds/secret.ts";
import { isStatus } from "../../kube/status-error.ts";
import { Secrets } from "./secrets.ts";
import { VolumeDriverError } from "./volume-driver-error.ts";

/** @throws VolumeDriverError `FailedPrecondition` when the Secret is not there: it may come yet */
export async function readSecrets(
  client: Client,
  reference: SecretReference | undefined,
): Promise<{ readonly secrets?: Secrets }> {
  const { name = "", namespace = "" } = reference ?? {};
  if (name === "" || namespace === "") return {};
  try {
    const { data = {} } = await client.get(secrets, { namespace, name });
    const decoded = Object.entries(data).map(([key, value]): [string, string] => [
      key,
      Buffer.from(value, "base64").toString("utf8"),
    ]);
    return { secrets: new Secrets(Object.fromEntries(decoded)) };
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
    throw new VolumeDriverError(
      "FailedPrecondition",
      `failed to get secret ${name} in namespace ${namespace}: it does not exist`,
    );
  }
}
