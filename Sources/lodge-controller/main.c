// One guest's controller: lodged starts it, and everything it needs comes by descriptor and by LAUNCH.
//
// C, because a Swift main belongs to the main actor: that would link the concurrency runtime and its thread pool into a
// program of one thread, and start them with every guest (a quarter of a millisecond, and 30 kB that stay).
int lodge_controller_main(int count, char **arguments);

int main(int count, char **arguments) { return lodge_controller_main(count, arguments); }
