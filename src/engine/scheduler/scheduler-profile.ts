/** Which pods a scheduler takes care of, and what it wants for them. Imports nothing: the command line reads it. */
export const DEFAULT_SCHEDULER = "default-scheduler";

export interface SchedulerProfile {
  /** Pods with this `spec.schedulerName` are its own. */
  readonly schedulerName: string;
  /** Part of the nodes to find feasible before the best is taken. @default falls with their number */
  readonly percentageOfNodesToScore?: number;
  /** Whether pods are spread over nodes or packed onto few. @default "LeastAllocated" */
  readonly resourceStrategy?: "LeastAllocated" | "MostAllocated";
  /** By name of a score plug-in; 0 turns it off. @default upstream's weights */
  readonly weights?: Readonly<Record<string, number>>;
}
