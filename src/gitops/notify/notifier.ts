/**
 * Tells people and forges what happens to Applications. It reads what everybody can read, the status
 * of Applications, and works on its own: nothing that syncs knows of it or waits for it. What follows
 * from a change is derived at once; sending waits in the outbox of each Provider.
 */
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import { createEventRecorder } from "../../client/event-recorder.ts";
import { Informer } from "../../client/informer.ts";
import { type Logger, silentLogger } from "../../client/logger.ts";
import { type Alert, alerts } from "../../kube/kinds/alert.ts";
import type { Application } from "../../kube/kinds/application.ts";
import { isSelected } from "../../kube/kinds/event-source.ts";
import { type Provider, providers } from "../../kube/kinds/provider.ts";
import { keyOf } from "../../kube/object.ts";
import { ignoreStages, type StageObserver } from "../report/stage-metrics.ts";
import { compileTemplate } from "../template/template.ts";
import { TemplateError } from "../template/template-error.ts";
import { commitStateId, commitStateOf, isNews } from "./commit-state.ts";
import { type Content, deliver, type DeliveryOptions, isForge, takesMessages } from "./deliver.ts";
import type { DeliveryError } from "./delivery-error.ts";
import { happeningsBetween, lastOutcome } from "./happenings-between.ts";
import type { Happening } from "./happening.ts";
import { Ledger, ownerId } from "./ledger.ts";
import { type Fate, Outbox, type Parcel } from "./outbox.ts";
import { type Subscription, subscriptionsTo } from "./subscriptions.ts";

export interface NotifierOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger?: Logger;
  /** Of every Application, kept current by the operator. */
  readonly applications: Informer<Application>;
  readonly observer?: StageObserver;
  /** Whether Providers may be on this machine. @default false */
  readonly allowLoopback?: boolean;
  readonly random?: () => number;
}
export interface Notifier {
  /** What waits to be sent. */
  readonly pending: number;
  stop(): Promise<void>;
}

interface Letter extends Parcel {
  readonly owner: string;
  readonly provider: string;
  readonly application: string;
  /** What the ledger files it under. */
  readonly concern: string;
  readonly id: string;
  readonly content: Content;
  /** Something happened since that nobody wants to be told of. */
  isPast: boolean;
}

/** Resolves once Alerts and Providers are known, and what was missed while nobody watched is on its way. */
export async function startNotifier(options: NotifierOptions): Promise<Notifier> {
  const running = new RunningNotifier(options);
  await running.start();
  return running;
}

class RunningNotifier implements Notifier {
  readonly #options: NotifierOptions;
  readonly #delivery: DeliveryOptions;
  readonly #abort = new AbortController();
  readonly #alerts: Informer<Alert>;
  readonly #providers: Informer<Provider>;
  readonly #recorder;
  readonly #ledger: Ledger;
  readonly #outboxes = new Map<string, Outbox<Letter>>();
  readonly #ending = new Set<Promise<void>>();
  readonly #unsubscribe: (() => void)[] = [];
  #running: Promise<unknown> = Promise.resolve();
  #isStarted = false;

  constructor(options: NotifierOptions) {
    const { client, clock, logger = silentLogger, allowLoopback = false } = options;
    this.#options = options;
    this.#delivery = { client, clock, allowLoopback };
    this.#alerts = new Informer(client, alerts, { clock, logger });
    this.#providers = new Informer(client, providers, { clock, logger });
    const { signal } = this.#abort;
    this.#recorder = createEventRecorder({ client, component: "gantry", clock, logger, signal });
    this.#ledger = new Ledger({ client, clock, logger, recorder: this.#recorder });
  }

  get pending(): number {
    let count = 0;
    for (const outbox of this.#outboxes.values()) count += outbox.size;
    return count;
  }

  async start(): Promise<void> {
    const { applications } = this.#options;
    const { signal } = this.#abort;
    this.#running = Promise.all([this.#providers.run(signal), this.#alerts.run(signal)]);
    await Promise.all([this.#providers.synced, this.#alerts.synced]);
    this.#unsubscribe.push(
      this.#providers.onChange((change) => {
        if (change.type === "DELETED") this.#removeProvider(change.object);
        else this.#takeProvider(change.object, change.previous);
      }),
    );
    // Alerts that are there already say themselves what is missing.
    this.#isStarted = true;
    this.#unsubscribe.push(
      this.#alerts.onChange((change) => {
        if (change.type === "DELETED") this.#ledger.close(change.object);
        else this.#takeAlert(change.object, change.previous);
      }),
      applications.onChange(({ type, object, previous }) => {
        if (type === "MODIFIED" && previous !== undefined) this.#changed(previous, object);
      }),
    );
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    for (const key of this.#outboxes.keys()) this.#closeOutbox(key);
    await Promise.all(this.#ending);
    await this.#ledger.stop();
    this.#abort.abort(new Error("notifications were stopped"));
    await this.#running;
    await this.#recorder.flush();
  }

  #takeProvider(provider: Provider, previous: Provider | undefined): void {
    this.#ledger.open(providers, provider);
    if (previous?.metadata.generation === provider.metadata.generation && previous !== undefined)
      return;
    if (this.#isStarted) this.#considerAll(provider);
    if (previous === undefined) this.#catchUp(ownerId(provider));
  }

  /** What a Provider can do has changed. */
  #considerAll(provider: Provider): void {
    for (const alert of this.#alerts.list(provider.metadata.namespace ?? ""))
      if (providerOf(alert) === keyOf(provider)) this.#consider(alert, () => true);
  }

  #removeProvider(provider: Provider): void {
    this.#ledger.close(provider);
    this.#closeOutbox(keyOf(provider));
    this.#considerAll(provider);
  }

  #takeAlert(alert: Alert, previous: Alert | undefined): void {
    this.#ledger.open(alerts, alert);
    if (previous?.metadata.generation === alert.metadata.generation && previous !== undefined)
      return;
    const id = ownerId(alert);
    // After a restart only what is known to be told before can be known to have changed since.
    const known = new Set(this.#ledger.told(id).map(([application]) => application));
    const isRestart = previous === undefined && alert.status !== undefined;
    this.#consider(alert, (application) => !isRestart || known.has(keyOf(application)));
    if (isRestart) this.#catchUp(id);
  }

  /** Says whether an Alert can work; what forges show is brought up to date. */
  #consider(alert: Alert, isConcerned: (application: Application) => boolean): void {
    const id = ownerId(alert);
    const provider = this.#providers.get(providerOf(alert));
    const problem = problemOf(alert, provider);
    const before = this.#ledger.standing(id);
    if (problem !== undefined) this.#ledger.stand(id, { ready: false, ...problem });
    else if (before === undefined || (!before.ready && before.reason !== "DeliveryFailed"))
      this.#ledger.stand(id, {
        ready: true,
        reason: "Ready",
        message: "waits for something to tell",
      });
    if (provider === undefined || problem !== undefined || !isForge(provider)) return;
    const { namespace = "" } = alert.metadata;
    for (const application of this.#options.applications.list())
      if (isSelected(application, alert.spec.eventSources, namespace) && isConcerned(application))
        for (const subscription of subscriptionsTo(application, [alert]))
          if (subscription.owner === id) this.#putState(subscription, provider, application);
  }

  /** What happened while nobody watched, to Applications that something was told about before. */
  #catchUp(owner: string): void {
    for (const [key, concern, id] of this.#ledger.told(owner)) {
      const application = this.#options.applications.get(key);
      if (application === undefined || !concern.startsWith("sync")) continue;
      const outcome = lastOutcome(application);
      if (outcome === undefined || outcome.concern !== "sync" || outcome.id === id) continue;
      for (const subscription of subscriptionsTo(application, this.#alerts.list()))
        if (subscription.owner === owner)
          this.#tell(subscription, [outcome], application, application);
    }
  }

  #changed(before: Application, after: Application): void {
    if (before.status === after.status) return;
    const subscriptions = subscriptionsTo(after, this.#alerts.list());
    if (subscriptions.length === 0) return;
    const happenings = happeningsBetween(before, after);
    for (const subscription of subscriptions) this.#tell(subscription, happenings, before, after);
  }

  #tell(
    subscription: Subscription,
    happenings: readonly Happening[],
    before: Application,
    after: Application,
  ): void {
    const provider = this.#providers.get(subscription.provider);
    if (provider === undefined || provider.spec.suspend === true) return;
    if (!takesMessages(provider)) {
      const [was, is] = [commitStateOf(before), commitStateOf(after)];
      const isSame =
        before !== after &&
        was !== undefined &&
        is !== undefined &&
        commitStateId(before, was) === commitStateId(after, is);
      if (!isSame) this.#putState(subscription, provider, after);
      return;
    }
    for (const happening of happenings) this.#putMessage(subscription, happening);
  }

  #putMessage(subscription: Subscription, happening: Happening): void {
    const { owner, provider, channel, wording } = subscription;
    const application = keyOf(happening.application);
    const concern = channel === undefined ? happening.concern : `${happening.concern}@${channel}`;
    const lane = `${owner}\n${application}\n${concern}`;
    const outbox = this.#outboxes.get(provider);
    if (!subscription.wants(happening)) {
      const waiting = outbox?.waiting(lane);
      if (waiting !== undefined) waiting.isPast = true;
      else this.#ledger.passed(owner, application, concern);
      return;
    }
    const content: Content = { kind: "message", happening, wording, channel };
    const letter = { lane, owner, provider, application, concern, id: happening.id, content };
    this.#outbox(provider).put({ ...letter, isPast: false });
  }

  #putState(subscription: Subscription, provider: Provider, application: Application): void {
    const state = commitStateOf(application);
    if (state === undefined) return;
    const { owner } = subscription;
    const key = keyOf(application);
    const concern = provider.spec.type.includes("comment") ? "comment" : "commit";
    const id = commitStateId(application, state);
    // What a forge shows of another commit is not made stale by this one.
    const lane = `${owner}\n${key}\n${concern}\n${id.slice(0, id.indexOf("/"))}`;
    const waiting = this.#outboxes.get(subscription.provider)?.waiting(lane);
    if (waiting === undefined && !isNews(this.#ledger.last(owner, key, concern), id)) return;
    this.#outbox(subscription.provider).put({
      lane,
      owner,
      provider: subscription.provider,
      application: key,
      concern,
      id,
      content: { kind: "commit", application, state },
      isPast: false,
    });
  }

  #outbox(provider: string): Outbox<Letter> {
    let outbox = this.#outboxes.get(provider);
    if (outbox === undefined) {
      const { clock, random } = this.#options;
      outbox = new Outbox<Letter>({
        clock,
        deliver: (letter, signal) => this.#send(letter, signal),
        onFate: (letter, fate, error) => this.#note(letter, fate, error),
        ...(random === undefined ? {} : { random }),
      });
      this.#outboxes.set(provider, outbox);
    }
    return outbox;
  }

  #closeOutbox(key: string): void {
    const outbox = this.#outboxes.get(key);
    if (outbox === undefined) return;
    this.#outboxes.delete(key);
    const ending = outbox.stop().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  async #send(letter: Letter, signal: AbortSignal): Promise<"sent" | "not needed"> {
    const provider = this.#providers.get(letter.provider);
    if (provider === undefined || provider.spec.suspend === true || !this.#isOpen(letter.owner))
      return "not needed";
    const last = this.#ledger.last(letter.owner, letter.application, letter.concern);
    if (!isNeeded(letter, last)) return "not needed";
    const startedMs = performance.now();
    const observer = this.#options.observer ?? ignoreStages;
    try {
      const fate = await deliver(provider, letter.content, this.#delivery, signal);
      observer.stage(
        "notify",
        fate === "sent" ? "success" : "skipped",
        performance.now() - startedMs,
      );
      return fate;
    } catch (error) {
      observer.stage("notify", "failure", performance.now() - startedMs);
      throw error;
    }
  }

  /** An Alert that was deleted or suspended tells nobody anything. */
  #isOpen(owner: string): boolean {
    if (!owner.startsWith("Alert/")) return true;
    const alert = this.#alerts.get(owner.slice("Alert/".length));
    return alert !== undefined && alert.spec.suspend !== true;
  }

  #note(letter: Letter, fate: Fate, error: DeliveryError | undefined): void {
    const { owner, application, concern, id, provider } = letter;
    if (fate === "sent") this.#ledger.delivered(owner, application, concern, id);
    if (fate === "sent" && letter.isPast) this.#ledger.passed(owner, application, concern);
    if (error === undefined) return;
    const message = `Provider ${provider}: ${error.message}`;
    this.#ledger.stand(owner, { ready: false, reason: "DeliveryFailed", message });
    const { logger = silentLogger } = this.#options;
    const fields = {
      owner,
      provider,
      application,
      concern,
      code: error.code,
      reason: error.message,
    };
    if (fate === "dropped") logger.warn(fields, "a notification is given up");
    else logger.debug(fields, "a notification could not be sent, trying again");
  }
}

/** What was told last decides: never the same twice, and no good end of what was not told to begin. */
function isNeeded({ content, id }: Letter, last: string | undefined): boolean {
  if (content.kind === "commit") return isNews(last, id);
  const { endOf } = content.happening;
  return last !== id && (endOf === undefined || last?.startsWith(`${endOf}/`) === true);
}

const providerOf = ({ metadata, spec }: Alert): string =>
  `${metadata.namespace ?? ""}/${spec.providerRef.name}`;

/** Why an Alert cannot tell anything. */
function problemOf(
  { spec }: Alert,
  provider: Provider | undefined,
): { readonly reason: string; readonly message: string } | undefined {
  if (spec.suspend === true) return { reason: "Suspended", message: "spec.suspend is true" };
  if (provider === undefined)
    return {
      reason: "ProviderNotFound",
      message: `Provider ${spec.providerRef.name} does not exist in this namespace`,
    };
  if (provider.spec.suspend === true)
    return { reason: "Suspended", message: `Provider ${spec.providerRef.name} is suspended` };
  if (spec.template === undefined) return undefined;
  try {
    compileTemplate(spec.template);
    return undefined;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { reason: "InvalidTemplate", message: `spec.template: ${error.message}` };
  }
}
