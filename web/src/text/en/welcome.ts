// The words of one page.

export const welcome = {
  title: "Welcome",
};
