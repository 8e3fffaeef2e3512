/** A style sheet as text, for the one file of the widget. */
declare module '*.css' {
  const text: string;
  export default text;
}
