# A thin front of Meson: installs what is missing, then builds, runs and tests.
.PHONY: all deps run docs test-deps test-setup test test-all fuzz bench clean

BUILD ?= build
PACKAGES = gcc pkg-config meson ninja-build libuv1-dev libc-ares-dev libssl-dev libsqlite3-dev \
	libpq-dev libmariadb-dev libtre-dev libjansson-dev
TEST_PACKAGES = libcmocka-dev python3 python3-pytest sip-tester baresip-core nftables iproute2 \
	conntrack sqlite3 procps openssl postgresql mariadb-server-core mariadb-client-core
FUZZ_PACKAGES = clang

SUDO := $(shell [ $$(id -u) = 0 ] || echo sudo)
missing = $(shell for p in $(1); do dpkg-query -W -f='$${Status}\n' $$p 2>/dev/null | grep -q '^install ok installed' || echo $$p; done)
install = $(if $(strip $(1)),$(SUDO) apt-get update -qq && \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1),@:)

all: deps $(BUILD)/build.ninja
	@ninja -C $(BUILD) server

deps:
	$(call install,$(call missing,$(PACKAGES)))

test-deps:
	$(call install,$(call missing,$(PACKAGES) $(TEST_PACKAGES)))

$(BUILD)/build.ninja: | deps
	@meson setup $(BUILD) $(MESON_FLAGS)

run: all
	@sh conf/run.sh $(BUILD)

# A folder that was set up before the tests' packages came does not know of them.
test-setup: test-deps $(BUILD)/build.ninja
	@meson introspect --tests $(BUILD) | grep -q unit || meson setup --reconfigure $(BUILD)

test: test-setup
	@python3 tests/run.py $(BUILD) quick

test-all: test-setup
	@python3 tests/run.py $(BUILD) all

# The pages in docs/ are made of the tables of the program.
docs: all
	@python3 tests/check/check.py docs $(BUILD) --record

fuzz: deps
	$(call install,$(call missing,$(FUZZ_PACKAGES)))
	@fuzz/run.sh $(SECONDS_EACH)

bench: all
	@ninja -C $(BUILD) benchmarks
	@sh bench/run.sh $(BUILD)

clean:
	rm -rf $(BUILD) build-fuzz build-asan
