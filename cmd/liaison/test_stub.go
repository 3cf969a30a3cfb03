package main

type testReportCmd struct{}

func (testReportCmd) Run(a *app) error { return nil }

type testVerifyCmd struct{}

func (testVerifyCmd) Run(a *app) error { return nil }

type testTakeCmd struct{}

func (testTakeCmd) Run(a *app) error { return nil }
