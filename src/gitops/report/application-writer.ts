/** Writes what the operator has to say into an Application: its status, and that a request is done. */
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import { formatTime } from "../../client/timestamps.ts";
import {
  type Application,
  type ApplicationStatus,
  applications,
} from "../../kube/kinds/application.ts";
import { type JsonObject, keyOf, parseKey } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import { FIELD_MANAGER } from "../plan/field-manager.ts";
import { isSameStatus } from "./application-status.ts";

/** Is told of every write, so that older copies of the Application can be told from newer ones. */
interface Witness {
  wrote(application: Application): void;
}

export class ApplicationWriter {
  readonly #client: Client;
  readonly #clock: Clock;

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  async status(
    application: Application,
    witness: Witness,
    status: ApplicationStatus,
  ): Promise<void> {
    if (isSameStatus(application.status, status)) return;
    const { namespace = "", name, uid } = application.metadata;
    const next = { ...status, reconciledAt: formatTime(this.#clock.now()) };
    // Without a resourceVersion: nobody else writes the status. An update would take labels and
    // annotations along, as old as this copy of the Application is.
    const body = [
      { op: "test", path: "/metadata/uid", value: uid },
      { op: "add", path: "/status", value: next },
    ] as unknown as JsonObject[];
    const options = { subresource: "status", fieldManager: FIELD_MANAGER };
    const key = { namespace, name };
    try {
      await note(witness, this.#client.patch(applications, key, { type: "json", body }, options));
    } catch (error) {
      if (!isStatus(error, "Invalid")) throw error;
      // Deleted and made again meanwhile: that one has its own look.
      const current = await this.#client.get(applications, key);
      if (current.metadata.uid === uid) throw error;
    }
  }

  /** Removes the request that was carried out, unless another one has taken its place. */
  async operationDone(application: Application, witness: Witness): Promise<void> {
    const { operation } = application;
    if (operation === undefined) return;
    const body: JsonObject[] = [
      { op: "test", path: "/operation", value: operation as unknown as JsonObject },
      { op: "remove", path: "/operation" },
    ];
    try {
      await this.#patch(application, witness, { type: "json", body });
    } catch (error) {
      if (!isStatus(error, "Invalid")) throw error;
    }
  }

  async finalizers(
    application: Application,
    witness: Witness,
    finalizers: readonly string[],
  ): Promise<void> {
    const body: JsonObject = { metadata: { finalizers: [...finalizers] } };
    await this.#patch(application, witness, { type: "merge", body });
  }

  #patch(
    application: Application,
    witness: Witness,
    patch: Parameters<Client["patch"]>[2],
  ): Promise<void> {
    const key = parseKey(keyOf(application));
    const options = { fieldManager: FIELD_MANAGER };
    return note(witness, this.#client.patch(applications, key, patch, options));
  }
}

async function note(witness: Witness, write: Promise<Application>): Promise<void> {
  try {
    witness.wrote(await write);
  } catch (error) {
    // Deleted meanwhile: there is nobody left to tell.
    if (!isStatus(error, "NotFound")) throw error;
  }
}
