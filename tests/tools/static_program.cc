// A program without a dynamic loader: `holdfast run` must refuse it.
int main() { return 0; }
