"""Tests of sixthbot: real git, real files, no mocks."""
