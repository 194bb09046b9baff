/**
 * The real Kustomize and Helm: which program it is, and runs of it in the sandbox. Nothing else in
 * rendering starts a process.
 */
import { type FoundProgram, type Lookup, ProgramFinder, type Tool } from "./find-program.ts";
import { BestEffortSandbox } from "./best-effort-sandbox.ts";
import { NamespaceSandbox } from "./namespace-sandbox.ts";
import type { Sandbox, SandboxMode, SandboxRun, SandboxResult } from "./sandbox.ts";
import { SourceError } from "../../source/source-error.ts";

export interface ProgramsOptions {
  /** A path or a name on the PATH. @default `GANTRY_KUSTOMIZE`, `GANTRY_HELM`, then the PATH */
  readonly kustomize?: string | undefined;
  readonly helm?: string | undefined;
  /** @default `GANTRY_RENDER_SANDBOX`, then "required" */
  readonly sandbox?: SandboxMode | undefined;
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv;
  /** @default the one that the mode asks for */
  readonly runIn?: Sandbox;
}

export type ProgramRun = Omit<SandboxRun, "program">;

/** Programs at work at once: each takes a core. */
const MAX_AT_ONCE = 4;

export class Programs {
  readonly mode: SandboxMode;
  readonly #finder: ProgramFinder;
  readonly #sandbox: Sandbox;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: ProgramsOptions = {}) {
    const env = options.env ?? process.env;
    this.mode = options.sandbox ?? sandboxMode(env["GANTRY_RENDER_SANDBOX"]);
    this.#finder = new ProgramFinder({
      kustomize: options.kustomize ?? env["GANTRY_KUSTOMIZE"],
      helm: options.helm ?? env["GANTRY_HELM"],
      path: env["PATH"] ?? "",
    });
    this.#sandbox =
      options.runIn ??
      (this.mode === "required" ? new NamespaceSandbox(env) : new BestEffortSandbox(env));
  }

  /** Which program it is, or why there is none. */
  look(tool: Tool): Promise<Lookup> {
    return this.#finder.find(tool);
  }

  /** Whether programs can be run as the mode asks; undefined when they can, else what is in the way. */
  sandboxProblem(signal?: AbortSignal): Promise<string | undefined> {
    return this.#sandbox.problem(signal);
  }

  /**
   * @param file that needs the program: what the error names
   * @throws SourceError `missing-program` when there is none
   */
  async require(tool: Tool, file: string): Promise<FoundProgram> {
    const found = await this.look(tool);
    if ("program" in found) return found.program;
    throw new SourceError("missing-program", {
      what: `this folder needs ${TITLES[tool]}: ${found.missing}`,
      where: file,
      advice: found.advice,
    });
  }

  /** @throws SourceError `missing-program` when there is no sandbox to run it in */
  async run(program: FoundProgram, run: ProgramRun): Promise<SandboxResult> {
    await this.#turn();
    try {
      return await this.#sandbox.run({ ...run, program });
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    while (this.#running >= MAX_AT_ONCE)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
  }
}

export const TITLES: Readonly<Record<Tool, string>> = { helm: "Helm", kustomize: "Kustomize" };

function sandboxMode(text: string | undefined): SandboxMode {
  return text === "best-effort" ? "best-effort" : "required";
}
