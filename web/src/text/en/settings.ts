// The words of one page.

export const settings = {
  title: "Settings",
};
