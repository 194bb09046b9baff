/** Who asks, and how: what every operation of the API server is told besides its object. */

export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  /** What else the authenticator knows, e.g. which pod a token is bound to. */
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface RequestContext {
  readonly user: UserInfo;
  /** Who owns the fields of a write. Absent: taken from `userAgent`. */
  readonly fieldManager?: string;
  /** E.g. `kubectl/v1.32.4 (linux/amd64)`. */
  readonly userAgent?: string;
  /** Everything runs, admission included, but nothing is stored. */
  readonly dryRun?: boolean;
  /** What becomes of unknown and duplicate fields. @default "Warn" */
  readonly fieldValidation?: FieldValidation;
  /** Problems that only the decoder of the body could see, such as duplicate fields. */
  readonly decodeWarnings?: readonly string[];
  readonly signal?: AbortSignal;
  /** Receives the text of each `Warning` header. */
  readonly warn?: (text: string) => void;
}
export type FieldValidation = "Strict" | "Warn" | "Ignore";

/** Group of users for whom the default authorizer allows everything. */
export const MASTERS_GROUP = "system:masters";

/** What the API server does on its own account, e.g. when it starts. */
export const apiServerContext: RequestContext = {
  user: { name: "system:apiserver", groups: [MASTERS_GROUP] },
  fieldManager: "kube-apiserver",
};
