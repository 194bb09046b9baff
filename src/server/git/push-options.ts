/** The options of `git push -o`. */

export interface PushOptions {
  /** Checks and says what would happen; nothing moves. */
  readonly dryRun: boolean;
  /** Does not wait for the rollout. */
  readonly noWait: boolean;
}

/** A text: what is wrong with them. */
export function parsePushOptions(options: readonly string[]): PushOptions | string {
  const unknown = options.find((option) => option !== "dry-run" && option !== "no-wait");
  if (unknown !== undefined)
    return `unknown push option ${JSON.stringify(unknown.slice(0, 100))}: there are dry-run and no-wait`;
  return { dryRun: options.includes("dry-run"), noWait: options.includes("no-wait") };
}
