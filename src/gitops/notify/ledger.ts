/**
 * What each Alert (or Provider, where Applications subscribe by annotation) has told last about each
 * Application, and how its deliveries go: kept in its status, so that a restart repeats nothing and
 * people see what does not arrive.
 */
import type { Client } from "../../client/client.ts";
import { type Clock, sleep } from "../../client/clock.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { Logger } from "../../client/logger.ts";
import { formatTime } from "../../client/timestamps.ts";
import { findCondition, setCondition } from "../../kube/conditions.ts";
import type { Resource } from "../../kube/kind.ts";
import type { DeliveryStatus } from "../../kube/kinds/provider.ts";
import { type JsonObject, type KubeObject, keyOf, parseKey } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import { clip } from "../report/clip.ts";

/** An Alert or a Provider. */
export interface Owner extends KubeObject {
  status?: DeliveryStatus;
}
export interface Standing {
  readonly ready: boolean;
  readonly reason: string;
  readonly message: string;
}

/** Of one status: the Applications that something was told about last. */
const MAX_KEPT = 500;
/** In memory, for as long as the process lives. */
const MAX_REMEMBERED = 20_000;
/** A burst of messages writes the status now and then, not for each. */
const WRITE_INTERVAL_MS = 1_000;
const RETRY_MS = 5_000;

interface Account {
  owner: Owner;
  readonly resource: Resource<Owner>;
  /** `application\nconcern` → id, the newest last. */
  readonly told: Map<string, string>;
  standing: Standing | undefined;
  lastDeliveredAt: string | undefined;
  isDirty: boolean;
  writing: Promise<void> | undefined;
}

export interface LedgerOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: EventRecorder;
}

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #accounts = new Map<string, Account>();
  readonly #abort = new AbortController();

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** Takes note of an owner as it is now; what it has told is read from its status once. */
  open(resource: Resource<Owner>, owner: Owner): void {
    const id = ownerId(owner);
    const known = this.#accounts.get(id);
    if (known?.owner.metadata.uid === owner.metadata.uid && known !== undefined) {
      known.owner = owner;
      return;
    }
    const { delivered = [], lastDeliveredAt, conditions } = owner.status ?? {};
    const told = delivered.map(
      ({ application, concern, id: toldId }) => [laneOf(application, concern), toldId] as const,
    );
    const ready = findCondition(conditions, "Ready");
    this.#accounts.set(id, {
      owner,
      resource,
      told: new Map(told),
      standing:
        ready === undefined
          ? undefined
          : { ready: ready.status === "True", reason: ready.reason, message: ready.message },
      lastDeliveredAt,
      isDirty: false,
      writing: undefined,
    });
  }

  close(owner: Owner): void {
    this.#accounts.delete(ownerId(owner));
  }

  /** Id of what was told last. */
  last(id: string, application: string, concern: string): string | undefined {
    return this.#accounts.get(id)?.told.get(laneOf(application, concern));
  }

  /** Everything that is remembered of one owner: application, concern and id. */
  told(id: string): readonly (readonly [application: string, concern: string, id: string])[] {
    return [...(this.#accounts.get(id)?.told ?? [])].map(([lane, toldId]) => {
      const [application = "", concern = ""] = lane.split("\n");
      return [application, concern, toldId] as const;
    });
  }

  delivered(id: string, application: string, concern: string, toldId: string): void {
    const account = this.#accounts.get(id);
    if (account === undefined) return;
    const lane = laneOf(application, concern);
    account.told.delete(lane);
    account.told.set(lane, toldId);
    if (account.told.size > MAX_REMEMBERED)
      for (const oldest of account.told.keys()) {
        account.told.delete(oldest);
        break;
      }
    account.lastDeliveredAt = formatTime(this.#options.clock.now());
    this.stand(id, { ready: true, reason: "Delivered", message: "notifications arrive" });
    this.#write(account);
  }

  /** Something happened that nobody is told of: what was told last is over. Written when there is more. */
  passed(id: string, application: string, concern: string): void {
    const account = this.#accounts.get(id);
    if (account?.told.delete(laneOf(application, concern)) === true) account.isDirty = true;
  }

  /** Whether and why an owner works. A turn for the worse is an Event as well. */
  stand(id: string, standing: Standing): void {
    const account = this.#accounts.get(id);
    if (account === undefined) return;
    const before = account.standing;
    const isSame =
      before?.ready === standing.ready &&
      before.reason === standing.reason &&
      before.message === standing.message;
    if (isSame) return;
    account.standing = standing;
    // Whoever suspends it knows.
    const isNews = before?.reason !== standing.reason && standing.reason !== "Suspended";
    if (!standing.ready && isNews)
      this.#options.recorder.record(account.owner, "Warning", standing.reason, standing.message);
    this.#write(account);
  }

  standing(id: string): Standing | undefined {
    return this.#accounts.get(id)?.standing;
  }

  /** Writes what is not written yet, then writes no more. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error("notifications were stopped"));
    const accounts = [...this.#accounts.values()];
    for (const account of accounts) {
      await account.writing;
      if (account.isDirty)
        await this.#writeOnce(account).catch((error: unknown) => this.#tell(account, error));
    }
  }

  #write(account: Account): void {
    account.isDirty = true;
    account.writing ??= this.#writeAll(account).finally(() => {
      account.writing = undefined;
    });
  }

  async #writeAll(account: Account): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#abort;
    // What one happening changes is written together.
    await Promise.resolve();
    while (account.isDirty && !signal.aborted) {
      let pauseMs = WRITE_INTERVAL_MS;
      try {
        await this.#writeOnce(account);
      } catch (error) {
        this.#tell(account, error);
        account.isDirty = true;
        pauseMs = RETRY_MS;
      }
      await sleep(clock, pauseMs, signal).catch(() => undefined);
    }
  }

  async #writeOnce(account: Account): Promise<void> {
    account.isDirty = false;
    const { owner, resource, standing, told, lastDeliveredAt } = account;
    const now = formatTime(this.#options.clock.now());
    const conditions =
      standing === undefined
        ? owner.status?.conditions
        : setCondition(
            owner.status?.conditions,
            {
              type: "Ready",
              status: standing.ready ? "True" : "False",
              reason: standing.reason,
              message: clip(standing.message),
              lastTransitionTime: now,
            },
            now,
          );
    const status: DeliveryStatus = {
      ...(conditions === undefined ? {} : { conditions }),
      observedGeneration: owner.metadata.generation ?? 0,
      ...(lastDeliveredAt === undefined ? {} : { lastDeliveredAt }),
      delivered: [...told].slice(-MAX_KEPT).map(([lane, id]) => {
        const [application = "", concern = ""] = lane.split("\n");
        return { application, concern, id };
      }),
    };
    const patch = { type: "merge", body: { status } as unknown as JsonObject } as const;
    const options = { subresource: "status", fieldManager: "gantry" };
    try {
      account.owner = await this.#options.client.patch(
        resource,
        parseKey(keyOf(owner)),
        patch,
        options,
      );
    } catch (error) {
      // Deleted meanwhile: there is nobody left to tell.
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  #tell({ owner }: Account, error: unknown): void {
    const fields = { err: error, kind: owner.kind, key: keyOf(owner) };
    this.#options.logger.warn(fields, "could not write how deliveries go");
  }
}

/** `Alert/<namespace>/<name>`. */
export const ownerId = (owner: KubeObject): string => `${owner.kind}/${keyOf(owner)}`;
const laneOf = (application: string, concern: string): string => `${application}\n${concern}`;
