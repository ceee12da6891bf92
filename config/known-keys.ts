import { z } from "zod";

type Path = readonly PropertyKey[];

/** Keys the schema knows below a path, sorted; empty where any key may stand or none. */
export function knownKeys(schema: z.ZodType, path: Path): readonly string[] {
  const target = path.reduce<z.ZodType | null>(
    (current, step) => (current === null ? null : below(current, step)),
    schema,
  );
  const object = target === null ? null : unwrap(target);
  return object instanceof z.ZodObject ? Object.keys(object.shape).sort((a, b) => (a < b ? -1 : 1)) : [];
}

function below(schema: z.ZodType, step: PropertyKey): z.ZodType | null {
  const object = unwrap(schema);
  if (!(object instanceof z.ZodObject) || typeof step !== "string" || !Object.hasOwn(object.shape, step)) return null;
  const part: unknown = object.shape[step];
  return part instanceof z.ZodType ? part : null;
}

/** The type behind defaults and optionals. */
function unwrap(schema: z.ZodType): z.ZodType {
  let current: unknown = schema;
  while (current instanceof z.ZodDefault || current instanceof z.ZodPrefault || current instanceof z.ZodOptional) {
    current = current.unwrap();
  }
  return current instanceof z.ZodType ? current : schema;
}
