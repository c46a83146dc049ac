int fault_register(void);
void fault_arm(int op, int n, int code, int sticky);
int fault_hits(void);
int fault_count(int op);
