// The words of one page.

export const signIn = {
  title: "Sign in",
};
