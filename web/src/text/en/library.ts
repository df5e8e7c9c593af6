// The words of one page.

export const library = {
  title: "Library",
};
