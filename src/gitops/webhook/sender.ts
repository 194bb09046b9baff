/** What a sender of webhooks is: how it is recognised, how it proves itself, and what it tells. */

/** A header's value; undefined when it is absent. */
export type Headers = (name: string) => string | undefined;

/** What was pushed, to a Git repository or to a registry. */
export interface PushEvent {
  /** Of a Git repository, in whatever form the sender has. */
  readonly urls: readonly string[];
  /** Full names; empty means that any may have changed. */
  readonly refs: readonly string[];
  /** `host/path`, with or without `:tag` or `@digest`, of what a registry got. */
  readonly artifacts: readonly string[];
}

export interface Sender {
  /** Also the key of its secret. */
  readonly name: string;
  /** Whose secret counts as well, where there is none of its own. */
  readonly secretOf?: string;
  readonly recognises: (headers: Headers) => boolean;
  /** Constant time, and before anything is parsed. */
  readonly verify: (headers: Headers, body: Buffer, secret: string) => boolean;
  /** What kind of event it is, for Receivers that take some only. */
  readonly event: (headers: Headers, payload: unknown) => string | undefined;
  /** Undefined for events that are no push: nothing to do. */
  readonly parse: (headers: Headers, payload: unknown) => PushEvent | undefined;
}

export function gitPush(urls: readonly string[], refs: readonly (string | undefined)[]): PushEvent {
  return { urls, refs: refs.filter((ref) => ref !== undefined), artifacts: [] };
}

export function artifactPush(artifacts: readonly (string | undefined)[]): PushEvent | undefined {
  const found = artifacts.filter((artifact) => artifact !== undefined && artifact !== "");
  return found.length === 0
    ? undefined
    : { urls: [], refs: [], artifacts: found as readonly string[] };
}
