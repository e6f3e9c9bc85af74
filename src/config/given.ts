/** An option under its name, where there is one. */
export function given<Name extends string, Value>(
  name: Name,
  value: Value
): { readonly [Key in Name]?: NonNullable<Value> } {
  return value === undefined || value === null ? {} : ({ [name]: value } as { [Key in Name]: NonNullable<Value> })
}
