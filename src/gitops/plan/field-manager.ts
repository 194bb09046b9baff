/** The field manager of everything that Gantry applies. */
export const FIELD_MANAGER = "gantry";
