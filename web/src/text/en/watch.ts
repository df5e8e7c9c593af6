// The words of one page.

export const watch = {
  title: "Watch",
};
