/** How the containers of one pod behave, read from annotations. Pure: equal pods behave equally. */
import { controllerOf } from "../controllers/ownership/owner-reference.ts";
import type { Pod } from "../../kube/kinds/pod.ts";
import { isQuantity } from "./quantities.ts";
import { type Container, initContainersOf, isSidecar } from "../node/pod-model.ts";
import { type Setting, SIMULATION_PREFIX } from "./annotations.ts";
import { type DurationRange, parseDurationRange } from "./duration-range.ts";

type Annotations = Readonly<Record<string, string>>;

export interface ContainerBehaviour {
  /** From being allowed to start until it runs. */
  readonly startAfterMs: number;
  /** From its start until it is ready; undefined: never. */
  readonly readyAfterMs: number | undefined;
  /** From its start until it ends; undefined: it runs until it is stopped. */
  readonly runForMs: number | undefined;
  readonly exitCode: number;
  /** It never starts, for this reason: `ImagePullBackOff`. */
  readonly waiting: string | undefined;
}

export interface Behaviour {
  readonly of: (container: Container, attempt: number) => ContainerBehaviour;
  /** From the deletion until nothing of the pod runs. */
  readonly stopAfterMs: number;
  /** Settings that cannot be read, and what they should be: they count as not set. */
  readonly problems: readonly string[];
}

/** What the annotations say of one container; random choices are made for each attempt. */
interface SettledContainer {
  readonly start: DurationRange;
  readonly ready: DurationRange | undefined;
  readonly run: DurationRange | undefined;
  readonly exitCode: number;
  readonly waiting: string | undefined;
}

/** A Job's pods end by themselves, as the programs of most Jobs do. */
const JOB_RUN_FOR: DurationRange = { minMs: 1_000, maxMs: 1_000 };
const NEVER = "never";
const NOTHING: DurationRange = { minMs: 0, maxMs: 0 };
const MAX_EXIT_CODE = 255;

export function behaviourOf(pod: Pod, nodeAnnotations: Annotations | undefined): Behaviour {
  const problems = new Set<string>();
  const sources = [pod.metadata.annotations ?? {}, nodeAnnotations ?? {}];
  const uid = pod.metadata.uid ?? "";

  const find = <T>(name: string, parse: (text: string) => T | undefined, what: string) => {
    for (const source of sources) {
      const text = source[SIMULATION_PREFIX + name];
      if (text === undefined) continue;
      const value = parse(text);
      if (value !== undefined) return value;
      problems.add(`${SIMULATION_PREFIX}${name}: ${JSON.stringify(text)} is not ${what}`);
    }
    return undefined;
  };
  /** General settings are for the containers that a pod is about, not for what prepares them. */
  const read = <T>(
    setting: Setting,
    container: Container,
    parse: (text: string) => T | undefined,
    what: string,
  ): T | undefined =>
    find(`${setting}.${container.name}`, parse, what) ??
    (initContainersOf(pod).includes(container) ? undefined : find(setting, parse, what));

  const duration = (setting: Setting, container: Container) =>
    read(setting, container, parseDurationRange, DURATION);

  const settle = (container: Container): SettledContainer => {
    const readyAfter = read(
      "ready-after",
      container,
      (text) => (text === NEVER ? NEVER : parseDurationRange(text)),
      `${DURATION}, nor ${NEVER}`,
    );
    return {
      start: duration("start-after", container) ?? NOTHING,
      ready: readyAfter === NEVER ? undefined : (readyAfter ?? probeDelay(container)),
      run: duration("run-for", container) ?? defaultRunFor(pod, container),
      exitCode: read("exit-code", container, parseExitCode, "a number from 0 to 255") ?? 0,
      waiting: read("waiting", container, parseReason, "a CamelCase word"),
    };
  };
  // Read where they are used; here only for what is wrong with them.
  for (const resource of ["cpu", "memory"] as const)
    for (const container of pod.spec?.containers ?? [])
      read(resource, container, parseAmount, "a quantity such as 100m or 64Mi");
  const settled = new Map<Container, SettledContainer>();

  return {
    of: (container, attempt) => {
      let own = settled.get(container);
      if (own === undefined) {
        own = settle(container);
        settled.set(container, own);
      }
      const pick = (setting: string, range: DurationRange): number =>
        within(range, () => `${uid}/${container.name}/${attempt}/${setting}`);
      return {
        startAfterMs: pick("start", own.start),
        readyAfterMs: own.ready === undefined ? undefined : pick("ready", own.ready),
        runForMs: own.run === undefined ? undefined : pick("run", own.run),
        exitCode: own.exitCode,
        waiting: own.waiting,
      };
    },
    stopAfterMs: (() => {
      const range = find("stop-after", parseDurationRange, DURATION) ?? NOTHING;
      return within(range, () => `${uid}/stop`);
    })(),
    get problems() {
      return [...problems];
    },
  };
}

const DURATION = "a duration such as 500ms, 2s or 1s..5m";

function defaultRunFor(pod: Pod, container: Container): DurationRange | undefined {
  if (initContainersOf(pod).includes(container))
    return isSidecar(pod, container) ? undefined : NOTHING;
  return controllerOf(pod)?.kind === "Job" ? JOB_RUN_FOR : undefined;
}

/** Nothing is probed: a container that has probes is ready once they may begin. */
function probeDelay({ readinessProbe, startupProbe }: Container): DurationRange {
  const seconds =
    (readinessProbe?.initialDelaySeconds ?? 0) + (startupProbe?.initialDelaySeconds ?? 0);
  return { minMs: seconds * 1_000, maxMs: seconds * 1_000 };
}

function parseExitCode(text: string): number | undefined {
  const code = Number(text);
  return /^\d{1,3}$/.test(text) && code <= MAX_EXIT_CODE ? code : undefined;
}

const parseAmount = (text: string): string | undefined => (isQuantity(text) ? text : undefined);

const parseReason = (text: string): string | undefined =>
  /^[A-Z][A-Za-z]{0,63}$/.test(text) ? text : undefined;

function within({ minMs, maxMs }: DurationRange, seed: () => string): number {
  return maxMs === minMs ? minMs : minMs + (maxMs - minMs) * chance(seed());
}

/** A number in [0, 1) that depends on the text alone (FNV-1a): the same run after a restart. */
function chance(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0) / 4_294_967_296;
}
