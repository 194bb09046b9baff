import type { Controller, ControllerContext } from "../controllers/controller-context.ts";
import type { VolumeDriver } from "./volume-driver.ts";

/** What the controllers of one driver are made from. */
export interface DriverContext extends ControllerContext {
  readonly driver: VolumeDriver;
  /** The labels by which the driver tells places apart; empty when it does not. */
  readonly topologyKeys: readonly string[];
}

/** A driver's controller hears of changes until the driver goes. */
export interface DriverController extends Controller {
  /** Ends what `onChange` of informers began. */
  readonly unsubscribe: () => void;
}
