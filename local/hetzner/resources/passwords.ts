import { createToken } from "../../shared/auth.ts";

/** Twenty letters and digits, as the provider sends when no SSH key is given. */
export const createPassword = (): string => createToken().slice(0, 20);
